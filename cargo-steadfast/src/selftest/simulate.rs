//! One simulated model: what the gate says of it in every case, as good as the baseline
//! and harmed. A function of the seed and of its number alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::draws::{Draws, Examples};
use super::family::{Aim, Family, Plans};
use super::harm::BySize;
use super::subject::{Finding, Subject};

/// Where harm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// In one case.
    Case,
    /// In all cases of one perturbation.
    Perturbation,
    /// In all cases.
    Everywhere,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Case, Self::Perturbation, Self::Everywhere];
}

/// The suite that is simulated.
pub struct Suite {
    /// Its specs.
    pub families: Vec<Family>,
    /// The shares of answers that change without harm.
    pub churns: Vec<f64>,
    /// At which of them harm is simulated.
    pub harmed_at: usize,
    /// Where all randomness comes from.
    pub seed: u64,
    /// Where harm is put, model by model in turn: by spec and aim, level and size.
    turns: Vec<Vec<Turns>>,
}

/// Where harm is put, by level and size.
type Turns = [BySize<Vec<Turn>>; Level::ALL.len()];

/// A harm that some models have.
struct Turn {
    /// The cells that are harmed.
    cells: Vec<usize>,
    /// The share of examples of each cell.
    shares: Vec<f64>,
}

/// What the gate said of one simulated model without harm: at each churn, of each spec, of
/// each of its subjects; `None`: it is not judged.
pub type Calm = Vec<Vec<Vec<Option<Finding>>>>;

/// What the gate said of the same model harmed.
pub struct Hurt {
    /// Of each spec: what becomes of harm in all its cells.
    pub everywhere: Vec<Harmed>,
    /// At each level and size.
    pub levels: [BySize<Option<Caught>>; Level::ALL.len()],
}

/// Harm in all cells of a spec.
pub struct Harmed {
    /// The number of the aim: they take turns, since each costs as much as all else.
    pub aim: usize,
    /// At each size, of each subject: whether it fails.
    pub fails: BySize<Vec<Option<bool>>>,
}

/// Whether harm somewhere was caught.
#[derive(Clone, Copy, Debug)]
pub struct Caught {
    /// By the one case that was harmed; `None`: it is not judged, or several were.
    pub there: Option<bool>,
    /// By any case of the spec.
    pub anywhere: bool,
}

impl Suite {
    /// Of some specs.
    pub fn new(mut families: Vec<Family>, churns: Vec<f64>, harmed_at: usize, seed: u64) -> Self {
        super::workers::on_each(&mut families, Family::aim);
        let turns = families.iter().map(|family| {
            let aims = family.aims.iter();
            aims.map(|aim| turns(family, aim)).collect()
        });
        let turns = turns.collect();
        Self {
            families,
            churns,
            harmed_at,
            seed,
            turns,
        }
    }

    /// The simulated model of a number, without harm.
    pub fn calm(&self, model: usize) -> Calm {
        let drawn = self.drawn(model);
        let at = |churn: &f64| {
            let families = self.families.iter();
            let judged = families.map(|family| family.findings(&family.plans(*churn, &drawn)));
            judged.collect()
        };
        self.churns.iter().map(at).collect()
    }

    /// The same model harmed; `calm` is what is known of it without.
    pub fn hurt(&self, model: usize, calm: &Calm) -> Hurt {
        let drawn = self.drawn(model);
        let churn = self.churns[self.harmed_at];
        let families = self.families.iter();
        let plans: Vec<Plans> = families.map(|family| family.plans(churn, &drawn)).collect();
        // Specs take turns, within a spec its aims, and within an aim its places.
        let specs = self.families.len();
        let round = model / specs;
        let everywhere = self.families.iter().zip(&plans);
        let everywhere = everywhere.map(|(family, plans)| {
            let aim = round % family.aims.len().max(1);
            harmed_everywhere(family, aim, plans, &drawn)
        });
        let everywhere: Vec<Harmed> = everywhere.collect();
        let place = model % specs;
        let family = &self.families[place];
        let known = &everywhere[place];
        let round = round / family.aims.len().max(1);
        let levels = std::array::from_fn(|level| {
            std::array::from_fn(|size| {
                let turns = &self.turns[place].get(known.aim)?[level][size];
                let turn = turns.get(round % turns.len().max(1))?;
                let plans = family.harmed(&plans[place], &turn.shares, &drawn);
                let calm = &calm[self.harmed_at][place];
                Some(caught(family, turn, &plans, &known.fails[size], calm))
            })
        });
        Hurt { everywhere, levels }
    }

    /// The random numbers of a model, by examples.
    fn drawn(&self, model: usize) -> impl Fn(&Subject) -> Arc<Draws> + use<> {
        let mut known: HashMap<String, Arc<Draws>> = HashMap::new();
        for subject in self.families.iter().flat_map(Family::subjects) {
            let Examples { key, .. } = &subject.examples;
            if !known.contains_key(key) {
                let draws = Draws::new(self.seed, model, &subject.examples);
                known.insert(key.clone(), Arc::new(draws));
            }
        }
        move |subject| Arc::clone(&known[&subject.examples.key])
    }
}

/// What the gate says where all cells of a spec are harmed.
fn harmed_everywhere(
    family: &Family,
    number: usize,
    plans: &Plans,
    draws: &dyn Fn(&Subject) -> Arc<Draws>,
) -> Harmed {
    let all: Vec<usize> = (0..family.cells.len()).collect();
    let judged = |size: usize| {
        let aim = family.aims.get(number)?;
        let shares = family.shares(aim, size, &all)?;
        let plans = family.harmed(plans, &shares, draws);
        let cells = all.iter().map(|&cell| {
            // Harm of all cells together is no size of one of them.
            if aim.is_of_all() || shares[cell] == 0.0 {
                return None;
            }
            family.cell_fails(cell, &plans)
        });
        let over = family.pooled.iter().map(|_| family.pooled_fails(&plans));
        Some(cells.chain(over).collect())
    };
    let nothing = || vec![None; family.subjects().count()];
    Harmed {
        aim: number,
        fails: std::array::from_fn(|size| judged(size).unwrap_or_else(nothing)),
    }
}

/// Whether harm in some cells is caught; `known` is what the gate says where all are
/// harmed, `calm` where none is: a case is judged by its own outcomes alone.
fn caught(
    family: &Family,
    turn: &Turn,
    plans: &Plans,
    known: &[Option<bool>],
    calm: &[Option<Finding>],
) -> Caught {
    let there: Vec<bool> = turn
        .cells
        .iter()
        .filter_map(|&cell| known[cell].or_else(|| family.cell_fails(cell, plans)))
        .collect();
    let elsewhere = (0..family.cells.len()).filter(|cell| !turn.cells.contains(cell));
    let alarm = elsewhere
        .filter_map(|cell| calm[cell])
        .any(|finding| finding.fails);
    let over = || {
        let whole = turn.cells.len() == family.cells.len();
        let known = known.get(family.cells.len()).copied().flatten();
        let known = known.filter(|_| whole);
        known.unwrap_or_else(|| family.pooled_fails(plans) == Some(true))
    };
    let caught = there.contains(&true);
    Caught {
        there: (turn.cells.len() == 1 && there.len() == 1).then_some(caught),
        anywhere: caught || alarm || over(),
    }
}

/// Where harm in a metric can be, at each level and size.
fn turns(family: &Family, aim: &Aim) -> Turns {
    Level::ALL.map(|level| {
        let all: Vec<usize> = (0..family.cells.len()).collect();
        let is_judged = |cell: &usize| family.cells[*cell].is_judged;
        let any = all.iter().any(is_judged);
        let places: Vec<Vec<usize>> = match level {
            Level::Case => {
                let judged = all.iter().filter(|cell| is_judged(cell));
                judged.map(|&cell| vec![cell]).collect()
            }
            // Where only the case over all cells is judged, it sees harm in any of them.
            Level::Perturbation => {
                let mut entries = family.entries();
                entries.retain(|cells| !any || cells.iter().any(is_judged));
                entries
            }
            Level::Everywhere => vec![all],
        };
        std::array::from_fn(|size| {
            let turn = |cells: &Vec<usize>| {
                Some(Turn {
                    shares: family.shares(aim, size, cells)?,
                    cells: cells.clone(),
                })
            };
            places.iter().filter_map(turn).collect()
        })
    })
}
