#ifndef DRAFTFS_CFUSE_H
#define DRAFTFS_CFUSE_H
// These headers come before the definition of _FILE_OFFSET_BITS. Otherwise `flock` clashes with its
// declaration in Swift's Glibc module.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#define _FILE_OFFSET_BITS 64
#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#endif
