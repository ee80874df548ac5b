//! The Unix socket of the local operator.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::serve::ServeError;

/// A listening socket; its file goes when it is dropped.
pub(crate) struct LocalSocket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
}

impl LocalSocket {
    /// Binds, replacing what a crashed node left behind. A socket somebody answers on is left alone.
    pub(crate) fn bind(path: &Path) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Socket { path: path.to_owned(), error };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(failed(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "something that is no socket is there",
                )));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                return Err(ServeError::Running { path: path.to_owned() });
            }
            Ok(_) => fs::remove_file(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // Bound where nobody else can get at it, and moved once its mode is right: at no instant is it open.
        let nursery = path.with_file_name(format!(".socket-{}", std::process::id()));
        let _ = fs::remove_dir_all(&nursery);
        fs::DirBuilder::new().mode(0o700).create(&nursery).map_err(failed)?;
        let bound = Self::bind_in(&nursery, path);
        let _ = fs::remove_dir_all(&nursery);
        bound.map_err(failed)
    }

    fn bind_in(nursery: &Path, path: &Path) -> io::Result<Self> {
        let draft = nursery.join("s");
        let listener = UnixListener::bind(&draft)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
        fs::rename(&draft, path)?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
