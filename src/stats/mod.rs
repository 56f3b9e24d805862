//! Pure numerical functions.
