//! What the simulated models say together: values only, which the formats show.

use super::family::Family;
use super::harm::BySize;
use super::mends::{Mend, mend};
use super::rate::{Rate, decimal};
use super::simulate::{Calm, Caught, Hurt, Level, Suite};
use super::subject::{Finding, Subject};
use super::workers;
use steadfast::report::number;
use steadfast::spec::{MetricSpec, TestSpec};

/// All that is shown.
pub struct Report {
    /// Where all randomness came from.
    pub seed: u64,
    /// How many models were simulated.
    pub models: usize,
    /// How many of them were harmed as well.
    pub harmed: usize,
    /// How many were asked for.
    pub asked: usize,
    /// What each spec's models are made of.
    pub specs: Vec<SpecLine>,
    /// The false alarms that the suite's budget allows a model.
    pub budget: f64,
    /// What happens where nothing got worse.
    pub calm: Vec<CalmLine>,
    /// Which of them harm is put on.
    pub harmed_at: usize,
    /// What becomes of harm.
    pub levels: Vec<LevelLine>,
    /// Each test, the one that sees least first.
    pub tests: Vec<TestLine>,
    /// Cases that fail most often without harm, the worst first; those that never do are
    /// left out.
    pub alarms: Vec<(String, Rate)>,
    /// Whole recorded retrains, each as it came out; `None`: none is.
    pub recorded: Option<Recorded>,
    /// Cases that could not be simulated, and why.
    pub left_out: Vec<(String, String)>,
}

/// A spec.
pub struct SpecLine {
    /// Its name.
    pub name: String,
    /// How many of its cases are judged.
    pub cases: usize,
    /// Its examples.
    pub examples: usize,
    /// How many recorded retrains are mixed; 0: its churn is declared.
    pub retrains: usize,
    /// Why recorded retrains are not, where some are recorded.
    pub unused: Option<String>,
    /// At each declared churn, the share of answers that changes in the case in which the
    /// least can.
    pub churn: Vec<f64>,
    /// The share of models with a failure, without harm, at each churn.
    pub alarms: Vec<Rate>,
}

/// What the gate says of whole recorded retrains: they lean one way or another in a case,
/// and mixing averages that out.
pub struct Recorded {
    /// The share of them with any failing case.
    pub any: Rate,
    /// The cases that fail, the worst first.
    pub cases: Vec<(String, Rate)>,
}

/// Models as good as the baseline.
pub struct CalmLine {
    /// The declared churn; `None`: all models are mixed of recorded retrains.
    pub churn: Option<f64>,
    /// The share of models with any failing case.
    pub any: Rate,
    /// How many tests fail, on average.
    pub failing: f64,
}

/// Harm at a level.
pub struct LevelLine {
    /// Where it is.
    pub level: Level,
    /// The share of models of which the one case that is harmed failed; `None`: not
    /// simulated, or harm is in several.
    pub there: BySize<Option<Rate>>,
    /// The share of which any case failed.
    pub anywhere: BySize<Option<Rate>>,
}

/// One test of one case.
pub struct TestLine {
    /// The case.
    pub case: String,
    /// The metric.
    pub metric: String,
    /// Its margin, as the spec writes it.
    pub margin: f64,
    /// The harm that it is to see, and with which probability.
    pub asked: (f64, f64),
    /// The share of models without harm of which the case failed.
    pub alarm: Rate,
    /// The share of harmed models of which it failed; `None`: not simulated.
    pub power: BySize<Option<Rate>>,
    /// What would let it see more; `None`: it sees what it is asked to.
    pub mend: Option<Mend>,
}

impl TestLine {
    /// Whether harm of two margins is seen less often than is asked, or is more than the
    /// metric can lose.
    pub fn is_weak(&self) -> bool {
        self.power[1].is_none_or(|power| power.share() < self.asked.1)
    }

    /// What would let it see more, in words.
    pub fn advice(&self) -> Option<String> {
        if self.power[1].is_none() {
            return Some("it has less than two margins to lose: a smaller margin".to_owned());
        }
        let mend = self.mend.as_ref()?.words();
        let (drop, power) = self.asked;
        Some(format!(
            "power {} at {} needs {mend}",
            decimal(power, 2),
            number(drop)
        ))
    }

    /// What tests are ordered by.
    fn sight(&self) -> f64 {
        let weight = |size: usize| self.power[size].map_or(0.0, Rate::share);
        weight(1) + 1e-3 * weight(2) + 1e-6 * weight(0)
    }
}

/// A test with the numbers of its spec, its aim and its subject.
struct Place<'a> {
    family: usize,
    aim: usize,
    subject: usize,
    of: (&'a Subject, &'a MetricSpec, &'a TestSpec),
}

/// Simulated models, to be counted.
pub struct Models<'a> {
    /// What they were simulated from.
    pub suite: &'a Suite,
    /// What became of them without harm.
    pub calm: &'a [Calm],
    /// What became of the first of them harmed.
    pub hurt: &'a [Hurt],
}

impl<'a> Models<'a> {
    /// The specs that are judged, with their numbers.
    fn judged(&self) -> impl Iterator<Item = (usize, &'a Family)> {
        let families = self.suite.families.iter().enumerate();
        families.filter(|(_, family)| family.is_judged())
    }

    fn specs(&self) -> Vec<SpecLine> {
        let churns = &self.suite.churns;
        let line = |(place, family): (usize, &Family)| SpecLine {
            name: family.spec.name.clone(),
            cases: family.judged().count(),
            examples: family
                .judged()
                .map(|it| it.examples.count)
                .max()
                .unwrap_or(0),
            retrains: family.retrains.len(),
            unused: family.unused.clone(),
            churn: churns
                .iter()
                .map(|&churn| least_churn(family, churn))
                .collect(),
            alarms: (0..churns.len())
                .map(|churn| self.alarm(|calm| calm[churn][place].iter().flatten().collect()))
                .collect(),
        };
        self.judged().map(line).collect()
    }

    /// The share of models of which any of these findings is a failure.
    fn alarm(&self, findings: impl Fn(&Calm) -> Vec<&Finding>) -> Rate {
        let models = self.calm.iter();
        Rate::of(models.map(|calm| findings(calm).iter().any(|finding| finding.fails)))
    }

    /// The same of one case, at the churn that harm is put on.
    fn alarm_of(&self, family: usize, subject: usize) -> Rate {
        let at = self.suite.harmed_at;
        self.alarm(|calm| calm[at][family][subject].iter().collect())
    }

    fn calm(&self, declared: bool) -> Vec<CalmLine> {
        let churns = self.suite.churns.iter().enumerate();
        // Models that are all mixed of retrains have no churn but that.
        let churns = churns.take(if declared { usize::MAX } else { 1 });
        let line = |(place, &churn): (usize, &f64)| {
            let findings = |calm: &'a Calm| calm[place].iter().flatten().flatten();
            let failing = self.calm.iter().flat_map(findings);
            let failing: usize = failing.map(|finding| finding.failing).sum();
            CalmLine {
                churn: declared.then_some(churn),
                any: self.alarm(|calm| calm[place].iter().flatten().flatten().collect()),
                failing: failing as f64 / self.calm.len().max(1) as f64,
            }
        };
        churns.map(line).collect()
    }

    fn recorded(&self) -> Option<Recorded> {
        let mut any = Vec::new();
        let mut cases: Vec<(String, Rate)> = Vec::new();
        for (_, family) in self.judged() {
            let failed = family.failed_by_recorded();
            any.extend(failed.iter().map(|failed| !failed.is_empty()));
            for subject in family.judged() {
                let name = subject.case.name.as_str();
                let rate = Rate::of(failed.iter().map(|failed| failed.contains(&name)));
                if rate.count > 0 {
                    cases.push((name.to_owned(), rate));
                }
            }
        }
        cases.sort_by_key(|(_, rate)| std::cmp::Reverse(rate.count));
        let any = Rate::of(any);
        (any.of > 0).then_some(Recorded { any, cases })
    }

    fn levels(&self) -> Vec<LevelLine> {
        let line = |(place, &level): (usize, &Level)| {
            let rate = |size: usize, caught: &dyn Fn(Caught) -> Option<bool>| {
                let models = self.hurt.iter();
                some(models.filter_map(|hurt| caught(hurt.levels[place][size]?)))
            };
            LevelLine {
                level,
                there: std::array::from_fn(|size| rate(size, &|caught| caught.there)),
                anywhere: std::array::from_fn(|size| rate(size, &|caught| Some(caught.anywhere))),
            }
        };
        Level::ALL.iter().enumerate().map(line).collect()
    }

    /// Cases that fail without harm.
    fn alarms(&self) -> Vec<(String, Rate)> {
        let mut alarms = Vec::new();
        for (family, known) in self.judged() {
            for (place, subject) in known.subjects().enumerate() {
                let rate = self.alarm_of(family, place);
                if rate.count > 0 {
                    alarms.push((subject.case.name.clone(), rate));
                }
            }
        }
        alarms.sort_by_key(|(_, rate)| std::cmp::Reverse(rate.count));
        alarms
    }

    /// Every test in which harm is simulated, the one that sees least first.
    fn tests(&self) -> Vec<TestLine> {
        let places: Vec<Place<'a>> = self
            .judged()
            .flat_map(|(place, known)| places(place, known))
            .collect();
        let line = |number: usize| {
            let place = &places[number];
            let mut line = self.test(place);
            if line.is_weak() && line.power[1].is_some() {
                let family = &self.suite.families[place.family];
                line.mend = Some(mend(self.suite, family, place.subject, place.of));
            }
            line
        };
        let mut tests = workers::each(places.len(), None, line, || {});
        tests.sort_by(|one, other| one.sight().total_cmp(&other.sight()));
        tests
    }

    fn test(&self, place: &Place<'_>) -> TestLine {
        let (subject, metric, test) = place.of;
        TestLine {
            case: subject.case.name.clone(),
            metric: metric.label.clone(),
            margin: test.margin.value(),
            asked: (test.detectable_drop.value(), test.power.value()),
            alarm: self.alarm_of(place.family, place.subject),
            power: std::array::from_fn(|size| {
                let harmed = self.hurt.iter().map(|hurt| &hurt.everywhere[place.family]);
                let harmed = harmed.filter(|harmed| harmed.aim == place.aim);
                some(harmed.filter_map(|harmed| harmed.fails[size][place.subject]))
            }),
            mend: None,
        }
    }
}

/// A rate; `None` where there is no model.
fn some(models: impl Iterator<Item = bool>) -> Option<Rate> {
    let rate = Rate::of(models);
    (rate.of > 0).then_some(rate)
}

impl Report {
    /// Of simulated models.
    pub fn of(
        models: &Models<'_>,
        asked: usize,
        budget: f64,
        left_out: Vec<(String, String)>,
    ) -> Self {
        let specs = models.specs();
        let declared = specs.iter().any(|spec| spec.retrains == 0);
        Self {
            seed: models.suite.seed,
            models: models.calm.len(),
            harmed: models.hurt.len(),
            asked,
            budget,
            harmed_at: models.suite.harmed_at,
            calm: models.calm(declared),
            levels: models.levels(),
            tests: models.tests(),
            alarms: models.alarms(),
            recorded: models.recorded(),
            left_out,
            specs,
        }
    }

    /// Whether models that are no worse fail more often than the budget allows.
    pub fn cries_wolf(&self) -> bool {
        let calm = self.calm.iter();
        calm.map(|calm| calm.any.limits().lower)
            .any(|lower| lower > self.budget)
    }

    /// The churn that harm is put on, in words.
    pub fn harmed_at(&self) -> String {
        self.calm[self.harmed_at].words()
    }
}

impl CalmLine {
    /// In words.
    pub fn words(&self) -> String {
        match self.churn {
            Some(churn) => format!("churn {}", percent(churn)),
            None => "recorded retrains, mixed".to_owned(),
        }
    }
}

/// A share as a percentage, to two digits.
pub fn percent(share: f64) -> String {
    let value = 100.0 * share;
    let text = if value < 9.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    };
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// The share of answers that changes in the case of a spec in which the least can.
fn least_churn(family: &Family, churn: f64) -> f64 {
    let cells = family.cells.iter();
    cells
        .map(|cell| cell.churn.most.min(churn))
        .fold(churn, f64::min)
}

/// The tests of a spec in which harm is simulated.
fn places(number: usize, family: &Family) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    for (place, subject) in family.subjects().enumerate() {
        if !subject.is_judged {
            continue;
        }
        for (metric, test) in subject.tests() {
            let mut aims = family.aims.iter();
            let Some(aim) = aims.position(|aim| aim.metric == metric.label) else {
                continue;
            };
            places.push(Place {
                family: number,
                aim,
                subject: place,
                of: (subject, metric, test),
            });
        }
    }
    places
}
