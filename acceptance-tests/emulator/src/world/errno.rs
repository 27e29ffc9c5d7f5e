//! Errors of file operations, with the texts of the kernel.

/// Why a file operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Errno {
    /// ENOENT
    #[error("No such file or directory")]
    NotFound,
    /// EEXIST
    #[error("File exists")]
    Exists,
    /// EACCES
    #[error("Permission denied")]
    Denied,
    /// EPERM
    #[error("Operation not permitted")]
    NotPermitted,
    /// EISDIR
    #[error("Is a directory")]
    IsFolder,
    /// ENOTDIR
    #[error("Not a directory")]
    NotFolder,
    /// ENOTEMPTY
    #[error("Directory not empty")]
    NotEmpty,
    /// EBUSY
    #[error("Device or resource busy")]
    Busy,
    /// EFBIG
    #[error("File too large")]
    TooLarge,
}
