// System calls and constants that Swift's Glibc module does not provide, because they need _GNU_SOURCE
// (which no header that Swift reads may define) or are variadic. Each function returns what the call
// returns: -1 and errno on failure.
#ifndef DRAFTFS_CPLATFORM_H
#define DRAFTFS_CPLATFORM_H
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct cp_statx {
    uint32_t mode, nlink, uid, gid, blksize;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    uint64_t ino, size, blocks;
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns; // btime_ns is 0 if unknown
} cp_statx_t;

// statx(2) relative to dirfd. It does not follow a symlink at the end. An empty path means dirfd itself.
int cp_statx(int dirfd, const char *path, cp_statx_t *out);
// Gets the device that path leads to, in the form of cp_makedev. It sends no request to the server of a
// file system (AT_STATX_DONT_SYNC).
int cp_device(const char *path, uint64_t *device);
// Gets the number of the mount that holds an open file (statx(2)). Returns 0 for a number that is never
// reused (STATX_MNT_ID_UNIQUE; Linux 6.8), 1 for one that may be reused (STATX_MNT_ID), or -1 and
// errno.
int cp_mount_number(int fd, uint64_t *number);
// openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS.
int cp_open_beneath(int dirfd, const char *path, int flags);
int cp_openat(int dirfd, const char *path, int flags, uint32_t mode);
int cp_ioctl_clone(int destination_fd, int source_fd);      // FICLONE
int cp_renameat2(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path, unsigned flags);
int cp_fallocate(int fd, int mode, int64_t offset, int64_t length);
// Whether the page cache has every page of a range: 1 or 0, or -1 and errno if that is unknown.
int cp_is_cached(int fd, uint64_t offset, uint64_t count);
int cp_pipe(int ends[2]);                                   // pipe2, O_CLOEXEC
int cp_duplicate(int fd);                                   // F_DUPFD_CLOEXEC
long cp_file_system_type(int fd);                           // f_type of fstatfs(2), or -1
int64_t cp_lseek(int fd, int64_t offset, int whence);
int64_t cp_pread(int fd, void *buffer, size_t count, int64_t offset);
int64_t cp_pwrite2(
    int fd, const void *first, size_t first_count, const void *second, size_t second_count,
    int64_t offset);
// Adds the numbers of line ends and of first bytes of UTF-8 characters to *lines and *characters.
void cp_count_text(const uint8_t *bytes, size_t count, uint64_t *lines, uint64_t *characters);
// memmem(3): returns the position of the needle in the bytes, or -1.
int64_t cp_find(const void *bytes, size_t count, const void *needle, size_t needle_count);
// Returns the same. The bytes at four positions of the needle, which should be rare, are compared first.
int64_t cp_find_by_four(
    const uint8_t *bytes, size_t count, const uint8_t *needle, size_t needle_count,
    const uint32_t positions[4]);
int64_t cp_getdents(int fd, void *buffer, size_t count);
int cp_syncfs(int fd);
int cp_getrandom(void *buffer, size_t count);               // getrandom, until all is filled

// Gives the calling thread its own descriptor table, which has only 0 to 2. -1 and errno.
int cp_detach_descriptors(void);
int64_t cp_getxattr(const char *path, const char *name, void *value, size_t size);  // lgetxattr
int64_t cp_listxattr(const char *path, char *list, size_t size);                    // llistxattr
int64_t cp_readlink(int dirfd, const char *path, char *buffer, size_t size);
// Makes a private, detached, read-only, noatime copy of the mount that holds path (open_tree +
// mount_setattr). It needs CAP_SYS_ADMIN. Returns a directory descriptor.
int cp_clone_mount_read_only(const char *path);
void cp_malloc_trim(void);
int cp_flock(int fd, int operation);
int64_t cp_realtime_ns(void);
int64_t cp_monotonic_ns(void);
uint64_t cp_makedev(uint32_t major, uint32_t minor);
int64_t cp_copy_file_range(
    int source_fd, int64_t *source, int destination_fd, int64_t *destination, size_t count);
int cp_setxattr(const char *path, const char *name, const void *value, size_t size, int flags); // lsetxattr
int64_t cp_fgetxattr(int fd, const char *name, void *value, size_t size);           // fgetxattr
int64_t cp_flistxattr(int fd, char *list, size_t size);                             // flistxattr
int cp_fsetxattr(int fd, const char *name, const void *value, size_t size);         // fsetxattr
int cp_removexattr(const char *path, const char *name);                             // lremovexattr
int cp_unmount_detach(const char *path);                                            // umount2, MNT_DETACH

// fanotify(7) for directories: a group, and a watch on a directory's names and its files.
typedef struct cp_base_event {
    int overflow;                     // events were lost
    int names;                        // a name was added, removed or moved
    int moved_directory;              // a directory was moved or removed: paths below it change
    size_t key_length, name_length;
    uint8_t key[4 + 128];             // of the directory, as from cp_handle_key
    uint8_t name[255];
} cp_base_event_t;
int cp_fanotify_open(void);
int cp_fanotify_watch(int fd, int directory);
// Gets the file handle of a directory from name_to_handle_at(2), type first. Returns 0 on failure.
size_t cp_handle_key(int directory, uint8_t *key, size_t capacity);
int cp_wait_readable(int fd, int milliseconds);
// Gets the event at *position of the bytes read, and advances *position. Returns 0 at the end.
int cp_fanotify_next(const uint8_t *bytes, size_t length, size_t *position, cp_base_event_t *event);

extern const long CP_UTIME_NOW, CP_UTIME_OMIT; // for tv_nsec of utimensat(2)
extern const int CP_O_PATH, CP_O_NOATIME, CP_O_DIRECT, CP_O_TMPFILE;
extern const int CP_SEEK_DATA, CP_SEEK_HOLE;
extern const unsigned CP_RENAME_NOREPLACE, CP_RENAME_EXCHANGE;
extern const int CP_FALLOC_KEEP_SIZE, CP_FALLOC_PUNCH_HOLE, CP_FALLOC_ZERO_RANGE;
extern const int CP_XATTR_CREATE, CP_XATTR_REPLACE;
#endif
