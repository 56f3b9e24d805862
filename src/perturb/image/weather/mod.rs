//! Weather between the camera and the scene, or on its glass: fog, frost, snow and
//! spatter. What they are made of has files of its own: `distance`, `edges`,
//! `equalise` (on planes that are `framed`), `extremes`, `layer`, `plasma`, `texture`, `zoom`.

mod distance;
mod edges;
mod equalise;
mod extremes;
pub mod fog;
mod framed;
pub mod frost;
mod layer;
mod plasma;
pub mod snow;
pub mod spatter;
mod texture;
mod zoom;
