//! Work on several threads, whose results do not depend on them.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What `one` gives of 0, 1, 2, … in that order, of `count` numbers or of those that were
/// begun before `end`, the first of them whenever it is. `done` is told of each.
pub fn each<R: Send>(
    count: usize,
    end: Option<Instant>,
    one: impl Fn(usize) -> R + Sync,
    done: impl Fn() + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let late = number > 0 && end.is_some_and(|end| Instant::now() >= end);
            if number >= count || late {
                return found;
            }
            found.push((number, one(number)));
            done();
        }
    };
    let mut found = std::thread::scope(|scope| {
        let workers = (0..threads().min(count)).map(|_| scope.spawn(work));
        let workers: Vec<_> = workers.collect();
        let results = workers.into_iter().map(|worker| worker.join());
        let results = results.map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)));
        results.flatten().collect::<Vec<_>>()
    });
    found.sort_by_key(|(number, _)| *number);
    // One that was late may have been beside a later one that was not.
    let whole = found.into_iter().enumerate();
    let whole = whole.take_while(|(place, (number, _))| place == number);
    whole.map(|(_, (_, result))| result).collect()
}

/// Does `work` on each of them, several at a time.
pub fn on_each<T: Send>(of: &mut [T], work: impl Fn(&mut T) + Sync) {
    let count = of.len();
    let items: Vec<Mutex<&mut T>> = of.iter_mut().map(Mutex::new).collect();
    each(
        count,
        None,
        |number| {
            if let Ok(mut item) = items[number].lock() {
                work(&mut item);
            }
        },
        || {},
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_without_a_gap() {
        let squares = each(100, None, |number| number * number, || {});
        assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
        let late = each(100, Some(Instant::now()), |number| number, || {});
        assert!(!late.is_empty());
        assert_eq!(late, (0..late.len()).collect::<Vec<_>>());
    }
}
