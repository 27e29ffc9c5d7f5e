//! A join that breaks off, is killed, interrupted or loses its answer, at each of its steps.
