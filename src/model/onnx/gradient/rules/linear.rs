//! Matrix products.

use super::super::broadcast::unbroadcast;
use super::super::site::Site;
use super::super::tensors::Size;
use super::super::writer::{Attribute, Var};

type Done = Result<(), String>;

/// α·A·B + β·C, A and B transposed as declared.
pub(super) fn gemm(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let alpha = site.float("alpha").unwrap_or(1.0);
    let flag = |site: &Site<'_>, name| site.int(name).unwrap_or(0) != 0;
    let (a_turned, b_turned) = (flag(site, "transA"), flag(site, "transB"));
    if site.wants(0) {
        let weights = site.constant(1);
        let product = match weights
            .as_ref()
            .and_then(|it| Some((it.floats()?, it.shape.as_slice())))
        {
            // As constants they are turned and scaled once.
            Some((numbers, &[rows, columns])) if !a_turned => {
                let scaled: Vec<f32> = numbers.iter().map(|number| number * alpha).collect();
                let weights = if b_turned {
                    site.constant_floats(&[rows, columns], &scaled)
                } else {
                    let turned = turned(&scaled, rows, columns);
                    site.constant_floats(&[columns, rows], &turned)
                };
                site.op("MatMul", &[cotangent, weights])
            }
            _ => {
                let weights = site.read(1)?;
                if a_turned {
                    product(site, [weights, cotangent], alpha, [b_turned, true])
                } else {
                    product(site, [cotangent, weights], alpha, [false, !b_turned])
                }
            }
        };
        site.flow(0, product);
    }
    if site.wants(1) {
        let left = site.read(0)?;
        let product = if b_turned {
            product(site, [cotangent, left], alpha, [true, a_turned])
        } else {
            product(site, [left, cotangent], alpha, [!a_turned, false])
        };
        site.flow(1, product);
    }
    if site.wants(2) {
        let beta = site.float("beta").unwrap_or(1.0);
        let scaled = if beta == 1.0 {
            cotangent
        } else {
            site.scaled(cotangent, beta)
        };
        let (from, to) = (site.output_shape(0)?, site.shape(2)?);
        let summed = unbroadcast(site, scaled, &from, &to)?;
        site.flow(2, summed);
    }
    Ok(())
}

fn product(site: &mut Site<'_>, factors: [Var; 2], alpha: f32, turned: [bool; 2]) -> Var {
    let attributes = [
        ("alpha", Attribute::Float(alpha)),
        ("transA", Attribute::Int(turned[0].into())),
        ("transB", Attribute::Int(turned[1].into())),
    ];
    site.op_with("Gemm", &factors, &attributes)
}

/// A matrix, row by row, with its columns as rows.
fn turned(numbers: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let entry = |index: usize| numbers[index % rows * columns + index / rows];
    (0..rows * columns).map(entry).collect()
}

/// A·B over matrices in batches: G·Bᵀ and Aᵀ·G, summed over what was repeated.
pub(super) fn mat_mul(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let (left, right) = (site.shape(0)?, site.shape(1)?);
    if left.len() < 2 || right.len() < 2 {
        return by_vector(site, &left, &right);
    }
    let out = site.output_shape(0)?;
    for (input, other, shape) in [(0, 1, &left), (1, 0, &right)] {
        if !site.wants(input) {
            continue;
        }
        let weights = site.constant(other);
        let matrix = weights
            .as_ref()
            .and_then(|it| Some((it.floats()?, it.shape.as_slice())));
        let other = match matrix {
            Some((numbers, &[rows, columns])) => {
                let turned = turned(numbers, rows, columns);
                site.constant_floats(&[columns, rows], &turned)
            }
            _ => {
                let rank = if input == 0 { right.len() } else { left.len() };
                let mut axes: Vec<i64> = (0..rank as i64).collect();
                axes.swap(rank - 1, rank - 2);
                let tensor = site.read(other)?;
                site.op_with("Transpose", &[tensor], &[("perm", Attribute::Ints(&axes))])
            }
        };
        let factors = if input == 0 {
            [cotangent, other]
        } else {
            [other, cotangent]
        };
        let product = site.op("MatMul", &factors);
        // The product has the axes of the batches of the output, and the matrix of the input.
        let rank = shape.len();
        let mut from = out[..out.len() - 2].to_vec();
        from.extend(&shape[rank - 2..]);
        let summed = unbroadcast(site, product, &from, shape)?;
        site.flow(input, summed);
    }
    Ok(())
}

/// A matrix times a vector is the outer product of cotangent and vector on the way back.
fn by_vector(site: &mut Site<'_>, left: &[Size], right: &[Size]) -> Done {
    let (matrix, vector) = if left.len() < 2 { (1, 0) } else { (0, 1) };
    if left.len() == right.len() || site.wants(vector) {
        return Err("there is no rule for the gradient of a vector".to_owned());
    }
    let cotangent = site.cotangent()?;
    let factor = site.read(vector)?;
    // The matrices, with the axis that the product takes away as one number.
    let (shape, factor) = if matrix == 0 {
        let kept = &left[..left.len() - 1];
        ([kept, &[Size::Fixed(1)]].concat(), factor)
    } else {
        let mut shape = right.to_vec();
        shape[right.len() - 2] = Size::Fixed(1);
        (shape, site.reshape(factor, &[left[0], Size::Fixed(1)])?)
    };
    let cotangent = site.reshape(cotangent, &shape)?;
    let product = site.op("Mul", &[cotangent, factor]);
    site.flow(matrix, product);
    Ok(())
}
