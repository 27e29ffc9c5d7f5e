//! The msgpack form of values, as go-cty writes and reads it: objects and maps are maps with text keys, every other
//! collection is an array, unknown is any extension type, and a number that fits neither an int64 nor exactly a float64
//! is its decimal text.

mod decode;
mod encode;
mod stream;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use stream::ObjectWriter;

#[cfg(test)]
mod tests;
