"""The layers of the scenario's images, made of packages and cached.

Nothing is pulled from a public registry of images: what is in the well-known images is put together from the packages
of Debian, PyPI and Maven, by their own clients. The name of each layer holds a hash of all it is made from. They are
not compressed: on one machine that takes longer than it saves.
"""

import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Callable

import host
import settings
from artifacts import cached, digest
from images import Layer

JOB = Path(__file__).resolve().parents[2] / "fixtures/flink-job"
# What a commit of the job holds, by path from there.
JOB_FILES = sorted(path.relative_to(JOB) for path in JOB.rglob("*") if path.is_file() and "target" not in path.parts)
PATIENCE = 10 * 60
# Of what is not complete; the cluster and the oracle have prefixes of their own.
UNFINISHED = ".scenario-"


def clear_abandoned() -> None:
    settings.cache().mkdir(parents=True, exist_ok=True)
    for abandoned in settings.cache().glob(f"{UNFINISHED}*"):
        shutil.rmtree(abandoned)


def _made(name: str, key: str, make: Callable[[Path], None]) -> Path:
    return cached(name, key, make, UNFINISHED)


def _run(*argv: str, **options) -> str:
    return host.run(*argv, timeout=PATIENCE, **options)


# Java

# The one of Debian's releases that has Java 17.
RELEASE = "bookworm"
RUNTIME, COMPILER = ["openjdk-17-jre-headless"], ["openjdk-17-jdk-headless", "maven"]
UNREAD = ["/usr/share/doc/*", "/usr/share/man/man*/*", "/usr/share/locale/*", "/usr/share/info/*"]
# What an installation leaves, and what a container gets from its runtime.
LEFT_OUT = ["./var/lib/apt/lists/*", "./var/cache/*", "./var/log/*", "./tmp/*", "./etc/resolv.conf", "./etc/hosts"]


def java() -> tuple[Path, Path]:
    """Debian with a Java runtime, and on it JDK and Maven: one installation, packed at two moments."""
    key = digest(settings.ARCHITECTURE, RELEASE, *RUNTIME, *COMPILER, *UNREAD, *LEFT_OUT)
    directory = _made("scenario-java", key, _install_java)
    return directory / "runtime.tar", directory / "compiler.tar"


def _install_java(out: Path) -> None:
    out.mkdir()
    pack = 'tar -C "$1" --sort=name --numeric-owner --one-file-system ' + " ".join(f"--exclude={path}" for path in LEFT_OUT)
    apt_get = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -oDPkg::Chroot-Directory="$1"'
    hooks = [
        f'{pack} -cf "{out}/runtime.tar" . && touch "{out}/moment"',
        f"{apt_get} install -y --no-install-recommends {' '.join(COMPILER)}",
        # GNU tar looks at the time of change too: that of modification is the package's.
        f'{pack} --newer="{out}/moment" -cf "{out}/compiler.tar" . && rm "{out}/moment"',
    ]
    _run("mmdebstrap", "--quiet", "--variant=apt", "--mode=root", "--format=null",
         # What is packed and deleted need not outlive a power cut.
         "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={path}" for path in UNREAD),
         f"--include={','.join(RUNTIME)}", *(f"--customize-hook={hook}" for hook in hooks),
         RELEASE, "/dev/null", f"deb {host.mirror()} {RELEASE} main")


# Flink

FLINK_VERSION = "1.20.1"
# What `opt` has is a choice, and the SQL client and Python are not this job's.
LIBRARIES, SCRIPTS = ("deps/lib/", "deps/plugins/", "deps/bin/"), ("pyflink/bin/", "pyflink/conf/")


def flink() -> Path:
    """The distribution in /opt/flink, out of the two packages that PyFlink is made of."""
    return _made("scenario-flink.tar", digest(FLINK_VERSION, *LIBRARIES, *SCRIPTS), _put_flink_together)


def _put_flink_together(out: Path) -> None:
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(dir=out.parent) as directory:
        download = ["pip3", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", directory]
        _run(*download, "--no-binary", ":all:", f"apache-flink-libraries=={FLINK_VERSION}")
        # Only its scripts are taken, which are the same for every Python and every machine.
        _run(*download, "--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux1_x86_64",
             f"apache-flink=={FLINK_VERSION}")
        [sdist], [wheel] = Path(directory).glob("*.tar.gz"), Path(directory).glob("*.whl")
        with tarfile.open(sdist) as archive:
            for entry in archive:
                _, _, path = entry.name.partition("/")
                if entry.isfile() and path.startswith(LIBRARIES):
                    files[path.removeprefix("deps/")] = archive.extractfile(entry).read()
        with zipfile.ZipFile(wheel) as archive:
            for path in archive.namelist():
                if path.startswith(SCRIPTS) and not path.endswith("/"):
                    files[path.removeprefix("pyflink/")] = archive.read(path)
    layer = Layer()
    _directories(layer, [f"opt/flink/{path}" for path in files])
    for path in ("opt/flink/log", "opt/flink/usrlib"):
        layer.directory(path)
    for path, content in sorted(files.items()):
        is_program = path.startswith("bin/") and not path.endswith(".jar")
        layer.file(f"opt/flink/{path}", content, 0o755 if is_program else 0o644)
    out.write_bytes(layer.bytes())


def _directories(layer: Layer, paths: list[str]) -> None:
    """All that are above these files, each before what is in it."""
    above = {str(parent) for path in paths for parent in Path(path).parents}
    for directory in sorted(above - {"."}):
        layer.directory(directory)


# What the job is built from

REPOSITORY = "srv/maven2"
# Of a local repository, what says where it came from: to others that is nothing.
LOCAL_MARKS = ("_remote.repositories", "resolver-status.properties")


def maven_repository() -> Path:
    """All that Maven downloads for the job, as a repository to be served."""
    pom = (JOB / "pom.xml").read_text()
    return _made("scenario-maven.tar", digest(pom, REPOSITORY, *LOCAL_MARKS), _download)


def _download(out: Path) -> None:
    with tempfile.TemporaryDirectory(dir=out.parent) as directory:
        project, repository = Path(directory) / "job", Path(directory) / "repository"
        shutil.copytree(JOB, project, ignore=shutil.ignore_patterns("target"))
        # Of both Dockerfiles: what is resolved beforehand is more than what is used.
        _run("mvn", "-B", "-q", f"-Dmaven.repo.local={repository}", "package", "dependency:go-offline", cwd=project)
        layer = Layer()
        files = {str(path.relative_to(repository)): path for path in sorted(repository.rglob("*")) if path.is_file()}
        _directories(layer, [f"{REPOSITORY}/{path}" for path in files])
        for name, path in files.items():
            if path.name not in LOCAL_MARKS and not path.name.endswith(".lastUpdated"):
                layer.file(f"{REPOSITORY}/{name}", path.read_bytes())
        out.write_bytes(layer.bytes())


def maven_settings() -> bytes:
    """Maven asks the mirror that MAVEN_MIRROR names, for everything: in the test cluster there is no other way out."""
    settings_xml = """\
<settings>
  <mirrors>
    <mirror>
      <id>scenario</id>
      <mirrorOf>*</mirrorOf>
      <url>${env.MAVEN_MIRROR}</url>
    </mirror>
  </mirrors>
</settings>
"""
    layer = Layer()
    layer.file("etc/maven/settings.xml", settings_xml)
    return layer.bytes()


# The servers of git and of Maven's repository

# busybox httpd does the HTTP, git's own program the rest.
GIT = """\
#!/bin/sh
export GIT_PROJECT_ROOT=/srv/git GIT_HTTP_EXPORT_ALL=1
exec /usr/bin/git http-backend
"""


def server_programs() -> bytes:
    """busybox, and this machine's git with the libraries that it loads."""
    busybox = _made("busybox", digest(settings.ARCHITECTURE, host.BUSYBOX_RELEASE), host.unpack_busybox)
    git, backend = Path("/usr/bin/git"), Path(_run("git", "--exec-path").strip()) / "git-http-backend"
    words = _run("ldd", str(git), str(backend)).split()
    files = {str(path): path.read_bytes() for path in (git, backend)}
    files |= {word: Path(word).read_bytes() for word in words if word.startswith("/") and not word.endswith(":")}
    files = {path.lstrip("/"): content for path, content in files.items()}
    layer = Layer()
    _directories(layer, [*files, "bin/sh", "srv/cgi-bin/git", "etc/passwd"])
    layer.file("bin/busybox", busybox.read_bytes(), 0o755)
    layer.link("bin/sh", "busybox")
    for path, content in sorted(files.items()):
        layer.file(path, content, 0o755)
    layer.file("srv/cgi-bin/git", GIT, 0o755)
    layer.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    return layer.bytes()


def git_repository() -> bytes:
    """The job in a bare repository, in one commit. The same files give the same bytes."""
    layer = Layer()
    with tempfile.TemporaryDirectory() as directory:
        work, bare = Path(directory) / "work", Path(directory) / "flink-job.git"
        for path in JOB_FILES:
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes((JOB / path).read_bytes())
        commit(work)
        git("clone", "-q", "--bare", str(work), str(bare))
        files = {f"srv/git/flink-job.git/{path.relative_to(bare)}": path for path in sorted(bare.rglob("*"))}
        _directories(layer, [f"{name}/any" if path.is_dir() else name for name, path in files.items()])
        for name, path in files.items():
            # The first has the clone's address.
            if path.is_file() and path.name != "config" and "/hooks/" not in name:
                layer.file(name, path.read_bytes())
        layer.file("srv/git/flink-job.git/config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    return layer.bytes()


def commit(work: Path) -> None:
    """All that is in a directory, as the one commit of a new repository."""
    git("-C", str(work), "init", "-q", "-b", "main")
    git("-C", str(work), "add", "-A")
    git("-C", str(work), "commit", "-q", "-m", "Count words")


def git(*arguments: str) -> str:
    """Without the user's configuration: it may want signed commits, or have hooks of its own."""
    fixed = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": settings.PATH,
             "GIT_AUTHOR_DATE": "2025-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2025-01-01T00:00:00Z"}
    person = ["-c", "user.name=Scenario", "-c", "user.email=scenario@example.com"]
    return _run("git", *person, *arguments, env=fixed)
