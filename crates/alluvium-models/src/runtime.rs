//! The ONNX Runtime library: which one, for which machines.

use std::env;

use crate::error::ModelError;
use crate::package::{Package, Source};

/// A pinned build of the ONNX Runtime library.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeSpec {
    /// Operating system and processor, as Rust names them.
    pub platform: (&'static str, &'static str),
    /// The package that holds the library.
    pub package: Package<'static>,
    /// The library within the package's archive.
    pub member: &'static str,
    /// SHA-256 of the library.
    pub sha256: &'static str,
}

const RUNTIMES: &[RuntimeSpec] = &[
    RuntimeSpec {
        platform: ("linux", "x86_64"),
        package: wheel(
            "manylinux_2_28_x86_64",
            "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
        ),
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
    },
    RuntimeSpec {
        platform: ("linux", "aarch64"),
        package: wheel(
            "manylinux_2_28_aarch64",
            "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
        ),
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
    },
    RuntimeSpec {
        platform: ("macos", "aarch64"),
        package: wheel(
            "macosx_14_0_arm64",
            "60b6b69bfe580eab576cacc5d132a0e9cf2a37fcfd18d46dd191042b1d1ed0d7",
        ),
        member: "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
        sha256: "f8b06155feece624e55e49124340eea279da812529ae6fbc46a9f2be9c9cad2e",
    },
];

/// The wheel for this platform tag. The library in it does not depend on the Python version.
const fn wheel(platform: &'static str, sha256: &'static str) -> Package<'static> {
    Package {
        source: Source::PipWheel { python_version: "3.11", platform },
        name: "onnxruntime",
        version: "1.31.1",
        sha256,
        megabytes: 24,
    }
}

/// The library for the machine that this runs on.
///
/// # Errors
/// [`ModelError::UnsupportedPlatform`] where none is pinned.
pub fn runtime() -> Result<&'static RuntimeSpec, ModelError> {
    runtime_for(env::consts::OS, env::consts::ARCH)
}

fn runtime_for(os: &str, arch: &str) -> Result<&'static RuntimeSpec, ModelError> {
    RUNTIMES.iter().find(|spec| spec.platform == (os, arch)).ok_or_else(|| {
        let known: Vec<_> =
            RUNTIMES.iter().map(|RuntimeSpec { platform: (os, arch), .. }| format!("{os}-{arch}")).collect();
        ModelError::UnsupportedPlatform { platform: format!("{os}-{arch}"), known: known.join(", ") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_has_one_and_an_unknown_machine_is_told_which_have() {
        assert_eq!(runtime_for("linux", "x86_64").unwrap().package.version, "1.31.1");
        let message = runtime_for("plan9", "mips").unwrap_err().to_string();
        assert!(message.contains("plan9-mips"), "{message}");
        assert!(message.contains("linux-x86_64"), "{message}");
    }
}
