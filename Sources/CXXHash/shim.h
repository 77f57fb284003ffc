#ifndef DRAFTFS_CXXHASH_H
#define DRAFTFS_CXXHASH_H
#include <xxhash.h>
#endif
