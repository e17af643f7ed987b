//! What was promised and what came of it, on disk. Knows neither chain nor model.
