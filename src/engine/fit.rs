//! Whether a model can do what its spec asks: what it declares of itself, held
//! against the data before it is asked anything.

use super::RunError;
use crate::data::Dataset;
use crate::model::Description;
use crate::spec::{Gives, MetricSpec};

/// Refuses a model that takes no examples of the shape `given`.
///
/// # Errors
/// What it takes.
pub fn check_shape(description: &Description, given: &[usize]) -> Result<(), RunError> {
    if !description.takes(given) {
        let axes = description.input_shape.iter().map(|size| match size {
            Some(size) => size.to_string(),
            None => "?".to_owned(),
        });
        return Err(RunError::Mismatch(format!(
            "the model takes examples of the shape [{}], and those of the data have {given:?}. Is this the model of these data?",
            axes.collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(())
}

/// Refuses a model that cannot answer about these examples, or not what these metrics
/// are made of.
///
/// # Errors
/// What does not fit, and what to do.
pub fn check(
    description: &Description,
    gives: Gives,
    metrics: &[MetricSpec],
    data: &Dataset,
) -> Result<(), RunError> {
    check_shape(description, data.shape())?;
    let classes = match (gives, description.classes) {
        (Gives::PositiveProbability, Some(many @ 3..)) => {
            return Err(RunError::Mismatch(format!(
                "[model] gives = \"positive_probability\" means one number, and the model declares {many} classes: say \"probabilities\" or \"logits\""
            )));
        }
        (Gives::PositiveProbability, _) => Some(2),
        (Gives::Logits | Gives::Probabilities, Some(few @ ..2)) => {
            return Err(RunError::Mismatch(format!(
                "[model] gives = \"{}\" means a number a class, and the model declares {few} of them: say \"positive_probability\" where it answers with one",
                gives.text()
            )));
        }
        (_, declared) => declared,
    };
    for spec in metrics {
        let Some(classes) = classes else { break };
        let checked = super::metric(spec)?.check(classes, &spec.parameters);
        checked.map_err(|reason| {
            RunError::Mismatch(format!("[[metric]] `{}`: {reason}", spec.label))
        })?;
    }
    let highest = data.labels().iter().max();
    if let (Some(classes), Some(&highest)) = (classes, highest)
        && highest >= classes
    {
        return Err(RunError::Mismatch(format!(
            "there are labels up to {highest}, and the model knows {classes} classes, counted from 0. Is this the model of these data?"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::open;
    use crate::data::testing::{arrays, int64, npy, npz};

    /// Two examples of shape [1, 2, 2] with the labels 0 and 2.
    fn data(folder: &std::path::Path) -> Dataset {
        let path = folder.join("data.npz");
        let inputs = npy("|u1", false, &[2, 1, 2, 2], &[0; 8]);
        std::fs::write(&path, npz(&[("x", inputs), ("y", int64(&[0, 2]))])).unwrap();
        open(&arrays(path, (0.0, 1.0))).unwrap()
    }

    #[test]
    fn a_model_of_other_examples_or_of_fewer_classes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        let model = |shape: &[Option<usize>], classes| Description {
            input_shape: shape.to_vec(),
            classes,
            ..Description::default()
        };
        let check = |description: &Description, gives| {
            check(description, gives, &[], &data).map_err(|error| error.to_string())
        };
        for fits in [
            model(&[], None),
            model(&[Some(1), Some(2), Some(2)], Some(3)),
            model(&[Some(1), None, None], Some(10)),
        ] {
            assert_eq!(check(&fits, Gives::Logits), Ok(()));
        }
        let shape =
            "the model takes examples of the shape [1, ?, 8], and those of the data have [1, 2, 2]";
        let other = model(&[Some(1), None, Some(8)], Some(3));
        assert!(check(&other, Gives::Logits).unwrap_err().contains(shape));
        assert!(check(&model(&[Some(4)], None), Gives::Logits).is_err());
        let classes = "there are labels up to 2, and the model knows 2 classes";
        for (few, gives) in [
            (model(&[], Some(2)), Gives::Probabilities),
            (model(&[], None), Gives::PositiveProbability),
        ] {
            assert!(check(&few, gives).unwrap_err().contains(classes));
        }
        let many = check(&model(&[], Some(10)), Gives::PositiveProbability).unwrap_err();
        assert!(many.contains("the model declares 10 classes"), "{many}");
        let one = check(&model(&[], Some(1)), Gives::Logits).unwrap_err();
        assert!(one.contains("say \"positive_probability\""), "{one}");
    }
}
