//! Weather between the camera and the scene, or on its glass: fog, frost, snow and
//! spatter. What they are made of has files of its own: `plasma`.

pub mod fog;
pub mod frost;
mod plasma;
mod texture;
