#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "offsets are 64 bits");
_Static_assert(sizeof(int) == 4, "int is 32 bits");

const int CP_O_PATH = O_PATH, CP_O_NOATIME = O_NOATIME, CP_O_DIRECT = O_DIRECT;
const int CP_O_TMPFILE = O_TMPFILE;
const int CP_SEEK_DATA = SEEK_DATA, CP_SEEK_HOLE = SEEK_HOLE;
const unsigned CP_RENAME_NOREPLACE = RENAME_NOREPLACE, CP_RENAME_EXCHANGE = RENAME_EXCHANGE;
const int CP_FALLOC_KEEP_SIZE = FALLOC_FL_KEEP_SIZE, CP_FALLOC_PUNCH_HOLE = FALLOC_FL_PUNCH_HOLE,
          CP_FALLOC_ZERO_RANGE = FALLOC_FL_ZERO_RANGE;
const int CP_XATTR_CREATE = XATTR_CREATE, CP_XATTR_REPLACE = XATTR_REPLACE;

// Returns the first or last representable moment if the file system reports a time out of range.
static int64_t nanoseconds(struct statx_timestamp t) {
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)t.tv_sec, 1000000000LL, &ns) ||
        __builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns)) return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

int cp_statx(int dirfd, const char *path, cp_statx_t *out) {
    struct statx s;
    int flags = AT_SYMLINK_NOFOLLOW | AT_STATX_SYNC_AS_STAT | AT_NO_AUTOMOUNT;
    if (path[0] == 0) flags |= AT_EMPTY_PATH;
    if (statx(dirfd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &s) != 0) return -1;
    out->mode = s.stx_mode; out->nlink = s.stx_nlink; out->uid = s.stx_uid; out->gid = s.stx_gid;
    out->blksize = s.stx_blksize;
    out->dev_major = s.stx_dev_major; out->dev_minor = s.stx_dev_minor;
    out->rdev_major = s.stx_rdev_major; out->rdev_minor = s.stx_rdev_minor;
    out->ino = s.stx_ino; out->size = s.stx_size; out->blocks = s.stx_blocks;
    out->atime_ns = nanoseconds(s.stx_atime); out->mtime_ns = nanoseconds(s.stx_mtime);
    out->ctime_ns = nanoseconds(s.stx_ctime);
    out->btime_ns = (s.stx_mask & STATX_BTIME) ? nanoseconds(s.stx_btime) : 0;
    return 0;
}

int cp_device(const char *path, uint64_t *device) {
    struct statx s;
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &s) != 0) return -1;
    *device = cp_makedev(s.stx_dev_major, s.stx_dev_minor);
    return 0;
}

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

int cp_mount_number(int fd, uint64_t *number) {
    // The offset is that of statx(2): older headers lack the field.
    unsigned masks[] = {STATX_MNT_ID_UNIQUE, STATX_MNT_ID};
    for (int index = 0; index < 2; index++) {
        union { struct statx s; unsigned char bytes[256]; } out;
        memset(&out, 0, sizeof out);
        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, masks[index], &out.s) != 0) return -1;
        if (!(out.s.stx_mask & masks[index])) continue;
        memcpy(number, out.bytes + 0x90, sizeof *number); // stx_mnt_id
        return index;
    }
    errno = ENOSYS;
    return -1;
}

int cp_open_beneath(int dirfd, const char *path, int flags) {
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd;
    // EAGAIN means that a rename or mount raced with the path walk (openat2(2)). A few attempts suffice.
    for (int tries = 0; tries < 16; tries++) {
        fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return fd;
    }
    return fd;
}

int cp_openat(int dirfd, const char *path, int flags, uint32_t mode) {
    return openat(dirfd, path, flags | O_CLOEXEC, (mode_t)mode);
}
int cp_ioctl_clone(int destination_fd, int source_fd) { return ioctl(destination_fd, FICLONE, source_fd); }
int cp_renameat2(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path, unsigned flags) {
    return renameat2(old_dirfd, old_path, new_dirfd, new_path, flags);
}
int cp_fallocate(int fd, int mode, int64_t offset, int64_t length) {
    return fallocate(fd, mode, offset, length);
}
int cp_is_cached(int fd, uint64_t offset, uint64_t count) {
    if (count == 0) return 1;
    // cachestat(2), which the C library does not have yet. Its number is the same on all machines.
    struct { uint64_t offset, count; } range = {offset, count};
    struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } pages = {0};
    if (syscall(451, fd, &range, &pages, 0) != 0) return -1;
    // The call counts pages that the range touches, even those of which it has a few bytes only.
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return pages.cached > (offset % page + (count - 1)) / page;
}
int cp_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int cp_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
long cp_file_system_type(int fd) {
    struct statfs found;
    return fstatfs(fd, &found) == 0 ? (long)found.f_type : -1;
}
int64_t cp_lseek(int fd, int64_t offset, int whence) { return lseek(fd, offset, whence); }
int64_t cp_pread(int fd, void *buffer, size_t count, int64_t offset) {
    return pread(fd, buffer, count, offset);
}
int64_t cp_pwrite2(
    int fd, const void *first, size_t first_count, const void *second, size_t second_count,
    int64_t offset) {
    struct iovec parts[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
    return pwritev(fd, parts, second_count == 0 ? 1 : 2, offset);
}
int64_t cp_getdents(int fd, void *buffer, size_t count) { return syscall(SYS_getdents64, fd, buffer, count); }
int cp_syncfs(int fd) { return syncfs(fd); }

int cp_detach_descriptors(void) {
    if (unshare(CLONE_FILES) != 0) return -1;
    return (int)syscall(SYS_close_range, 3u, ~0u, 0u);
}
int64_t cp_getxattr(const char *path, const char *name, void *value, size_t size) {
    return lgetxattr(path, name, value, size);
}
int64_t cp_listxattr(const char *path, char *list, size_t size) { return llistxattr(path, list, size); }
int64_t cp_readlink(int dirfd, const char *path, char *buffer, size_t size) {
    return readlinkat(dirfd, path, buffer, size);
}

int cp_clone_mount_read_only(const char *path) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, flags);
    if (fd < 0) return -1;
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, .attr_clr = MOUNT_ATTR__ATIME};
    unsigned how = AT_EMPTY_PATH | AT_RECURSIVE;
    if (syscall(SYS_mount_setattr, fd, "", how, &attributes, sizeof attributes) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    // open_tree returns an O_PATH descriptor, but the caller needs one that can be listed.
    int directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME);
    int saved = errno;
    if (directory < 0) {
        close(fd);
        errno = saved;
        return -1;
    }
    // The detached mount disappears when fd is closed, so fd stays open for the daemon's life.
    return directory;
}

void cp_malloc_trim(void) { malloc_trim(0); }
int cp_flock(int fd, int operation) { return flock(fd, operation); }
static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
int64_t cp_realtime_ns(void) { return clock_ns(CLOCK_REALTIME); }
int64_t cp_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t cp_makedev(uint32_t major, uint32_t minor) { return makedev(major, minor); }

const long CP_UTIME_NOW = UTIME_NOW, CP_UTIME_OMIT = UTIME_OMIT;
int64_t cp_copy_file_range(
    int source_fd, int64_t *source, int destination_fd, int64_t *destination, size_t count) {
    return copy_file_range(source_fd, source, destination_fd, destination, count, 0);
}
int64_t cp_fgetxattr(int fd, const char *name, void *value, size_t size) {
    return fgetxattr(fd, name, value, size);
}

int64_t cp_flistxattr(int fd, char *list, size_t size) { return flistxattr(fd, list, size); }

int cp_fsetxattr(int fd, const char *name, const void *value, size_t size) {
    return fsetxattr(fd, name, value, size, 0);
}

int cp_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
    return lsetxattr(path, name, value, size, flags);
}
int cp_removexattr(const char *path, const char *name) { return lremovexattr(path, name); }
int cp_unmount_detach(const char *path) { return umount2(path, MNT_DETACH); }

int cp_getrandom(void *buffer, size_t count) {
    unsigned char *at = buffer;
    while (count > 0) {
        ssize_t done = getrandom(at, count, 0);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        at += done;
        count -= (size_t)done;
    }
    return 0;
}

void cp_count_text(const uint8_t *bytes, size_t count, uint64_t *lines, uint64_t *characters) {
    // Counters of one byte let the compiler count many bytes at once. They overflow after 255 rounds.
    while (count > 0) {
        size_t part = count < 255 * 32 ? count : 255 * 32;
        uint8_t line_counts[32] = {0}, character_counts[32] = {0};
        size_t index = 0;
        for (; index + 32 <= part; index += 32) {
            for (size_t lane = 0; lane < 32; lane++) {
                line_counts[lane] += bytes[index + lane] == 0x0a;
                character_counts[lane] += (bytes[index + lane] & 0xc0) != 0x80;
            }
        }
        for (size_t lane = 0; lane < 32; lane++) {
            *lines += line_counts[lane];
            *characters += character_counts[lane];
        }
        for (; index < part; index++) {
            *lines += bytes[index] == 0x0a;
            *characters += (bytes[index] & 0xc0) != 0x80;
        }
        bytes += part;
        count -= part;
    }
}
