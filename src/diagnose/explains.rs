//! Which mistakes may be why which failure was seen: a table.
//!
//! A rule says what is wrong, a log what failed. Only a mistake that can lead to just that failure is told as its cause;
//! what else is wrong stays untold, lest somebody mends what did no harm.

use crate::code::Code::{
    self, ArchiveCompressedTwice, ArchiveDamaged, ArchiveHardLink, ArchiveMissing, ArchiveNotGzip, ArchiveTopDirectory,
    ArgumentsInOne, BucketRegression, CapabilityMissing, CertificatesHidden, ContainerStart, ContextEmpty,
    ContextIsRoot, ContextMissing, ContextNotMounted, ContextOnNode, ContextRepeated, ContextScheme, ContextStreamCut,
    ContextStreamEmpty, ContextTwoSlashes, ContextVolumeEmpty, CopyDestination, CopyPatternUnmatched,
    CopySourceIgnored, CopySourceLetterCase, CopySourceMissing, CopySourceOutside, DestinationMalformed, DockerHubKey,
    DockerfileLetterCase, DockerfileMissing, DockerfileNotFound, DockerfileOutsideContext, DockerfileShadowed,
    DockerfileUnusable, DockerfileUrl, ExecutorArguments, ExecutorNotRoot, ExecutorPath, FlagAsValue, FlagsAsCommand,
    ForeignExecutorImage, GitAddress, GitBranchRegression, GitLogin, GitPullRequest, GitReference, GitScpAddress,
    GitTwoSchemes, ImageWithoutShell, KanikoDirMounted, LoginShadowed, MountInImagePath, MountInTheWay,
    MountOverExecutor, NoDestination, NoShell, NoStdin, PathOfThisMachine, QuotedValue, ReadOnlyRoot,
    RegistryConfigDirectory, RegistryConfigName, RegistryLoginMissing, RegistryUnauthorized, RegistryUnknownAuthority,
    RegistryUnreachable, RestartPolicy, SidecarInjected, SingleDash, StdinStaysOpen, SubPathIgnored, SubPathMissing,
    SwitchValue, TypographicDash, UnknownFlag, VariableNotExpanded, WorkingDirectory,
};

/// Mistakes in how arguments are written.
const OF_ARGUMENTS: &[Code] = &[
    ArgumentsInOne,
    ExecutorPath,
    FlagAsValue,
    QuotedValue,
    SingleDash,
    SwitchValue,
    TypographicDash,
    UnknownFlag,
    VariableNotExpanded,
    DestinationMalformed,
];

/// Mistakes by which the executor comes to another context than somebody thought, or to none.
const OF_CONTEXT: &[Code] = &[
    ContextIsRoot,
    ContextMissing,
    ContextNotMounted,
    ContextOnNode,
    ContextRepeated,
    ContextTwoSlashes,
    ContextVolumeEmpty,
    GitAddress,
    PathOfThisMachine,
    SubPathIgnored,
    WorkingDirectory,
    ArgumentsInOne,
    QuotedValue,
    VariableNotExpanded,
    DockerfileShadowed,
];

/// Whether the one may be why the other was seen.
pub(super) fn explains(cause: Code, seen: Code) -> bool {
    let of_group: &[Code] = match seen {
        UnknownFlag | ExecutorArguments | ExecutorPath | SwitchValue | TypographicDash | SingleDash
        | DestinationMalformed => OF_ARGUMENTS,
        DockerfileMissing | CopySourceMissing => OF_CONTEXT,
        _ => &[],
    };
    of_group.contains(&cause) || of_this(seen).contains(&cause)
}

/// Mistakes of no group that may be why this was seen.
fn of_this(seen: Code) -> &'static [Code] {
    match seen {
        DockerfileMissing => &[
            ArchiveTopDirectory,
            DockerfileLetterCase,
            DockerfileMissing,
            DockerfileNotFound,
            DockerfileOutsideContext,
        ],
        CopySourceMissing => {
            &[CopySourceIgnored, CopySourceLetterCase, CopySourceMissing, CopySourceOutside, CopyDestination]
        }
        CopyPatternUnmatched => &[CopyPatternUnmatched],
        DockerfileUrl => &[DockerfileUrl],
        DockerfileUnusable => &[DockerfileUnusable, ExecutorNotRoot, CapabilityMissing],
        ExecutorNotRoot => &[ExecutorNotRoot],
        ReadOnlyRoot => &[ReadOnlyRoot],
        CapabilityMissing => &[CapabilityMissing, ExecutorNotRoot],
        ContainerStart | NoShell => {
            &[FlagsAsCommand, MountOverExecutor, ImageWithoutShell, ExecutorNotRoot, ContextOnNode]
        }
        ContextScheme => &[ContextScheme, QuotedValue],
        ContextEmpty => &[ContextEmpty],
        NoStdin => &[NoStdin, RestartPolicy],
        StdinStaysOpen => &[StdinStaysOpen],
        ContextStreamCut | ContextStreamEmpty => &[RestartPolicy, ArchiveCompressedTwice],
        ArchiveNotGzip => &[ArchiveNotGzip],
        ArchiveDamaged => &[ArchiveCompressedTwice],
        ArchiveHardLink => &[ArchiveHardLink],
        ArchiveMissing => &[ArchiveMissing, PathOfThisMachine, QuotedValue, VariableNotExpanded, WorkingDirectory],
        SubPathMissing => &[SubPathMissing, ContextNotMounted, ContextOnNode, ContextVolumeEmpty],
        BucketRegression => &[BucketRegression],
        GitLogin => &[GitBranchRegression],
        GitReference => &[GitPullRequest],
        GitTwoSchemes => &[GitTwoSchemes],
        GitScpAddress => &[GitScpAddress],
        NoDestination => &[NoDestination, VariableNotExpanded],
        KanikoDirMounted => &[KanikoDirMounted],
        MountInTheWay => &[MountInImagePath, KanikoDirMounted],
        RegistryConfigDirectory => &[RegistryConfigDirectory],
        RegistryUnauthorized => {
            &[RegistryConfigName, RegistryConfigDirectory, RegistryLoginMissing, DockerHubKey, LoginShadowed]
        }
        RegistryUnknownAuthority => &[CertificatesHidden, ForeignExecutorImage],
        RegistryUnreachable => &[SidecarInjected],
        _ => &[],
    }
}
