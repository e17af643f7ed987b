//! `model.yaml` and what belongs to it.
