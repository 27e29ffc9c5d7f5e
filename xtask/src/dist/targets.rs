//! What a release is built for.

/// One platform of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// What rustc calls it.
    pub triple: &'static str,
    /// What Go calls it, and with it the CLI.
    pub os: &'static str,
    pub arch: &'static str,
    pub linker: Linker,
}

/// What links a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linker {
    /// `cargo-zigbuild`, on any Linux: Zig has the C library of the platform.
    Zig,
    /// The linker of the platform itself: Apple's frameworks are in its SDK, which may be used on its machines only.
    Vendor,
}

/// Every platform of a release, in the order of its checksums.
pub const TARGETS: [Target; 7] = [
    Target::new("x86_64-apple-darwin", "darwin", "amd64", Linker::Vendor),
    Target::new("aarch64-apple-darwin", "darwin", "arm64", Linker::Vendor),
    Target::new("x86_64-unknown-freebsd", "freebsd", "amd64", Linker::Zig),
    Target::new("x86_64-unknown-linux-musl", "linux", "amd64", Linker::Zig),
    Target::new("aarch64-unknown-linux-musl", "linux", "arm64", Linker::Zig),
    Target::new("x86_64-pc-windows-gnullvm", "windows", "amd64", Linker::Zig),
    Target::new("aarch64-pc-windows-gnullvm", "windows", "arm64", Linker::Zig),
];

impl Target {
    const fn new(triple: &'static str, os: &'static str, arch: &'static str, linker: Linker) -> Self {
        Self { triple, os, arch, linker }
    }

    /// The platform called `name`, such as `linux_amd64`.
    ///
    /// # Errors
    /// A release has no such platform.
    pub fn named(name: &str) -> Result<Self, String> {
        let names = || TARGETS.map(|target| target.to_string()).join(", ");
        let found = TARGETS.into_iter().find(|target| target.to_string() == name);
        found.ok_or_else(|| format!("`{name}` is not a platform of a release; these are: {}", names()))
    }

    /// Whether this machine can build it.
    pub fn is_buildable_here(self) -> bool {
        match self.linker {
            Linker::Zig => cfg!(target_os = "linux"),
            Linker::Vendor => cfg!(target_os = "macos"),
        }
    }

    /// Where it is built, if not here.
    pub fn elsewhere(self) -> &'static str {
        match self.linker {
            Linker::Zig => "is built on Linux",
            Linker::Vendor => "needs Apple's SDK, and is built on the forge's own macOS",
        }
    }

    /// The name of the program in the archive of `version`, as registries require it.
    pub fn binary(self, version: &str) -> String {
        let suffix = if self.os == "windows" { ".exe" } else { "" };
        format!("terraform-provider-pve_v{version}{suffix}")
    }

    /// The name of the program that cargo makes.
    pub fn built(self) -> String {
        format!("terraform-provider-pve{}", if self.os == "windows" { ".exe" } else { "" })
    }

    /// The name of the archive of `version`, as registries require it.
    pub fn archive(self, version: &str) -> String {
        format!("terraform-provider-pve_{version}_{self}.zip")
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.os, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_registries() {
        let linux = Target::named("linux_amd64").unwrap();
        assert_eq!(linux.archive("1.2.3"), "terraform-provider-pve_1.2.3_linux_amd64.zip");
        assert_eq!(linux.binary("1.2.3"), "terraform-provider-pve_v1.2.3");
        assert_eq!(Target::named("windows_arm64").unwrap().binary("1.2.3"), "terraform-provider-pve_v1.2.3.exe");
        assert!(Target::named("plan9_mips").unwrap_err().contains("freebsd_amd64, linux_amd64"));
    }
}
