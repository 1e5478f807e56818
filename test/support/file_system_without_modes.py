"""A file system without modes, owners and links, for tests where the kernel has no vfat: what is asked of it lands in a
directory, and is answered as vfat (or, with `cifs`, a Samba share mounted without Unix extensions) would.

Usage: file_system_without_modes.py KIND BACKING MOUNTPOINT UMASK MAX_FILE_BYTES; KIND is vfat or cifs. Runs until it is
unmounted. Needs root and Debian's python3-fusepy.
"""

import errno
import os
import stat
import sys

import fusepy

KIND, BACKING, MOUNTPOINT, UMASK, MAX_FILE = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4], 8), int(sys.argv[5])
PERMISSIONS = 0o777 & ~UMASK
FORBIDDEN = set('"*:<>?|\\')


class WithoutModes(fusepy.Operations):
    """Paths come as the kernel sees them, relative to the mount point, with a leading slash."""

    def place(self, path):
        for name in path.split("/"):
            if any(c in FORBIDDEN or ord(c) < 32 for c in name):
                raise fusepy.FuseOSError(errno.EINVAL)
        return BACKING + path

    def shown(self, info):
        kind = stat.S_IFMT(info.st_mode)
        shown = {k: getattr(info, k) for k in ("st_size", "st_mtime", "st_atime", "st_ctime", "st_nlink")}
        return {**shown, "st_mode": kind | PERMISSIONS, "st_uid": 0, "st_gid": 0}

    def getattr(self, path, fh=None):
        return self.shown(os.lstat(BACKING + path))

    def chmod(self, path, mode):
        # fat_allow_set_mode: what the mount shows already may be set, all else is refused (cifs leaves it silently).
        if KIND == "vfat" and mode & 0o777 != PERMISSIONS:
            raise fusepy.FuseOSError(errno.EPERM)

    def chown(self, path, uid, gid):
        raise fusepy.FuseOSError(errno.EPERM)

    def link(self, target, source):
        raise fusepy.FuseOSError(errno.EPERM if KIND == "vfat" else errno.EOPNOTSUPP)

    def symlink(self, target, source):
        raise fusepy.FuseOSError(errno.EPERM)

    def mknod(self, path, mode, dev):
        raise fusepy.FuseOSError(errno.EPERM)

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(self.place(path))]

    def mkdir(self, path, mode):
        os.mkdir(self.place(path), 0o700)

    def rmdir(self, path):
        os.rmdir(self.place(path))

    def unlink(self, path):
        os.unlink(self.place(path))

    def rename(self, old, new):
        os.rename(self.place(old), self.place(new))

    def utimens(self, path, times=None):
        os.utime(self.place(path), times)

    def statfs(self, path):
        s = os.statvfs(BACKING)
        return {k: getattr(s, k) for k in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_files", "f_ffree", "f_frsize")}

    def open(self, path, flags):
        return os.open(self.place(path), flags & ~os.O_NOFOLLOW)

    def create(self, path, mode, fi=None):
        return os.open(self.place(path), os.O_RDWR | os.O_CREAT, 0o600)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        if offset + len(data) > MAX_FILE:
            raise fusepy.FuseOSError(errno.EFBIG)
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        if length > MAX_FILE:
            raise fusepy.FuseOSError(errno.EFBIG)
        os.truncate(self.place(path), length)

    def flush(self, path, fh):
        return 0

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def fsyncdir(self, path, datasync, fh):
        if KIND == "cifs":
            raise fusepy.FuseOSError(errno.EINVAL)

    def release(self, path, fh):
        os.close(fh)


fusepy.FUSE(WithoutModes(), MOUNTPOINT, foreground=True, nothreads=True, allow_other=True, default_permissions=True)
