//! Our side of the model process. Knows nothing of chains.
