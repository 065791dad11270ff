//! Journeys across the services live in `it/`.
