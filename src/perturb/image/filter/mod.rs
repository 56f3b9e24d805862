//! Linear filters of one plane that several kinds of perturbation share: `gaussian`,
//! `motion`, and `quadrant` for any weights symmetrical about both axes. What lies beyond the edges of a plane is `border`; the sum of shifted
//! rows that all are made of is `taps`.

pub mod border;
pub mod gaussian;
pub mod motion;
pub mod quadrant;
pub mod taps;
