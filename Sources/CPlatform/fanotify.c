// fanotify(7): events for changes of names and content in directories, with the directory's file handle.
#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

int cp_fanotify_open(void) {
    unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME;
    int fd = fanotify_init(flags | FAN_UNLIMITED_MARKS, O_RDONLY | O_CLOEXEC);
    // Without privileges (since Linux 5.13) the number of marks is limited.
    return fd >= 0 || errno != EPERM ? fd : fanotify_init(flags, O_RDONLY | O_CLOEXEC);
}

int cp_fanotify_watch(int fd, int directory) {
    uint64_t mask = FAN_MODIFY | FAN_ATTRIB | FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO
        | FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR | FAN_EVENT_ON_CHILD;
    return fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, mask, directory, ".");
}

static size_t key_of(const struct file_handle *handle, uint8_t *key, size_t capacity) {
    size_t length = sizeof handle->handle_type + handle->handle_bytes;
    if (length > capacity) return 0;
    memcpy(key, &handle->handle_type, sizeof handle->handle_type);
    memcpy(key + sizeof handle->handle_type, handle->f_handle, handle->handle_bytes);
    return length;
}

size_t cp_handle_key(int directory, uint8_t *key, size_t capacity) {
    union {
        struct file_handle handle;
        uint8_t bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } room;
    int mount;
    room.handle.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(directory, "", &room.handle, &mount, AT_EMPTY_PATH) != 0) return 0;
    return key_of(&room.handle, key, capacity);
}

int cp_wait_readable(int fd, int milliseconds) {
    struct pollfd request = {.fd = fd, .events = POLLIN};
    return poll(&request, 1, milliseconds);
}

int cp_fanotify_next(const uint8_t *bytes, size_t length, size_t *position, cp_base_event_t *event) {
    struct fanotify_event_metadata data;
    if (*position > length || length - *position < sizeof data) return 0;
    const uint8_t *start = bytes + *position;
    memcpy(&data, start, sizeof data);
    if (data.event_len < sizeof data || data.event_len > length - *position
        || data.vers != FANOTIFY_METADATA_VERSION) return 0;
    *position += data.event_len;
    memset(event, 0, sizeof *event);
    event->overflow = (data.mask & FAN_Q_OVERFLOW) != 0;
    event->names = (data.mask & (FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO)) != 0;
    event->moved_directory = (data.mask & FAN_ONDIR) != 0
        && (data.mask & (FAN_MOVED_FROM | FAN_MOVED_TO | FAN_MOVE_SELF | FAN_DELETE_SELF)) != 0;
    size_t at = data.metadata_len;
    while (at + sizeof(struct fanotify_event_info_fid) <= data.event_len) {
        struct fanotify_event_info_header header;
        memcpy(&header, start + at, sizeof header);
        if (header.len < sizeof header || header.len > data.event_len - at) break;
        size_t body = sizeof(struct fanotify_event_info_fid);
        int has_name = header.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME;
        if ((has_name || header.info_type == FAN_EVENT_INFO_TYPE_DFID)
            && header.len >= body + sizeof(struct file_handle)) {
            struct file_handle handle;
            memcpy(&handle, start + at + body, sizeof handle);
            size_t end = body + sizeof handle + handle.handle_bytes;
            if (handle.handle_bytes > MAX_HANDLE_SZ || end > header.len) break;
            memcpy(event->key, &handle.handle_type, sizeof handle.handle_type);
            memcpy(event->key + sizeof handle.handle_type, start + at + body + sizeof handle,
                handle.handle_bytes);
            event->key_length = sizeof handle.handle_type + handle.handle_bytes;
            if (has_name && end < header.len) {
                size_t room = header.len - end;
                event->name_length = strnlen((const char *)start + at + end, room);
                if (event->name_length > sizeof event->name) event->name_length = 0;
                memcpy(event->name, start + at + end, event->name_length);
            }
        }
        at += header.len;
    }
    return 1;
}
