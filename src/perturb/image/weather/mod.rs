//! Weather between the camera and the scene, or on its glass: fog, frost, snow and
//! spatter. What they are made of has files of its own: `layer`, `plasma`, `texture`,
//! `zoom`.

pub mod fog;
pub mod frost;
mod layer;
mod plasma;
pub mod snow;
mod texture;
mod zoom;
