//! On which threads the batches of a case are asked.
//!
//! Nothing that is computed depends on them.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::model::onnx;

/// Where batches are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// On those that ONNX graphs run on.
    OfTheEngine,
    /// On others, where the model takes so many batches at once, if that is bounded.
    Plain(Option<usize>),
}

/// What `one` gives for each of `batches`, in their order, several at a time.
///
/// An ONNX model is asked on the `threads` of its engine: a batch is then never begun on
/// top of another that waits for a part of itself. Of what another model does in its
/// batches nothing is known: it may use a pool of threads and hold locks. So it is asked
/// on plain threads, where no batch is begun on top of another either; on as many as it
/// takes batches at once, where that is bounded, and not on fewer than there are for
/// computing, since while one waits for its turn another may be made.
pub fn each<R: Send>(batches: usize, threads: Threads, one: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let bound = match threads {
        Threads::OfTheEngine => {
            return onnx::on_threads(|| (0..batches).into_par_iter().map(&one).collect());
        }
        Threads::Plain(bound) => bound.unwrap_or(1),
    };
    let threads = bound.max(rayon::current_num_threads()).min(batches);
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = on_each(Some(threads), || {
        let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let mine = mine.take_while(|&batch| batch < batches);
        mine.map(|batch| (batch, one(batch))).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    done.sort_by_key(|(batch, _)| *batch);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What `work` gives on each of so many threads of their own; or on each of those of the
/// inference engine.
pub fn on_each<R: Send>(threads: Option<usize>, work: impl Fn() -> R + Sync) -> Vec<R> {
    let Some(threads) = threads else {
        return onnx::on_threads(|| rayon::broadcast(|_| work()));
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended
            .map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_batches() {
        let bounds = [None, Some(1), Some(3), Some(50)].map(Threads::Plain);
        for threads in [&[Threads::OfTheEngine], &bounds[..]].concat() {
            let squares = each(20, threads, |batch| batch * batch);
            let expected: Vec<usize> = (0..20).map(|batch| batch * batch).collect();
            assert_eq!(squares, expected, "{threads:?}");
        }
        assert!(each(0, Threads::Plain(Some(4)), |batch| batch).is_empty());
    }

    #[test]
    fn as_many_are_in_hand_as_the_model_takes() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let bound = 4 + rayon::current_num_threads();
        let meeting = std::sync::Barrier::new(bound);
        each(bound, Threads::Plain(Some(bound)), |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            meeting.wait();
        });
        assert_eq!(most.into_inner(), bound);
    }

    /// What waits for its turn is not begun by a model that waits for its own parts.
    #[test]
    fn a_model_that_is_parallel_inside_keeps_its_turn() {
        let turn = Mutex::new(());
        let pause = || std::thread::sleep(Duration::from_micros(200));
        let case = || {
            each(4, Threads::Plain(None), |_| {
                let _turn = turn.lock().unwrap();
                (0..8).into_par_iter().for_each(|_| pause());
            })
        };
        // Several cases at once, as the harness runs them.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..8).for_each(|_| drop(case())));
            }
        });
    }
}
