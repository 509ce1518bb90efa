/* Preloaded: reading a file whose name ends in "bad-sector" fails as a broken disk makes it fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int is_bad(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    const char *end = "/bad-sector";
    return length >= (ssize_t)strlen(end) && memcmp(path + length - strlen(end), end, strlen(end)) == 0;
}

ssize_t read(int fd, void *buffer, size_t count) {
    if (is_bad(fd)) { errno = EIO; return -1; }
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    return real(fd, buffer, count);
}

ssize_t pread64(int fd, void *buffer, size_t count, off64_t offset) {
    if (is_bad(fd)) { errno = EIO; return -1; }
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    return real(fd, buffer, count, offset);
}
