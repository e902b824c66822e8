/* A VFS over the default one that differs in the methods of log files. */
#include "store/wal_file.h"

#include "base/err.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define VFS_NAME "integration"
enum { PENDING_MOST = 0x1ffff }; /* SQLite's own file writes no more than this at a time */

typedef struct {
    sqlite3_file base;
    char *pending; /* not written yet; PENDING_MOST bytes, made at the first write */
    size_t pending_size;
    sqlite3_int64 pending_at;            /* its place in the file */
    _Alignas(sqlite3_int64) char real[]; /* the default VFS's file; SQLite aligns to 8 bytes, not more */
} wal_file_t;

static wal_file_t *s_self(sqlite3_file *file) {
    return (wal_file_t *)file;
}

static sqlite3_file *s_real(sqlite3_file *file) {
    return (sqlite3_file *)s_self(file)->real;
}

/* A write that fails ends the transaction, and SQLite writes it anew: what was pending is of no more use. */
static int s_flush(wal_file_t *self) {
    sqlite3_file *real = s_real(&self->base);
    size_t size = self->pending_size;
    self->pending_size = 0;
    return size ? real->pMethods->xWrite(real, self->pending, (int)size, self->pending_at) : SQLITE_OK;
}

static int s_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at) {
    wal_file_t *self = s_self(file);
    bool appends = at == self->pending_at + (sqlite3_int64)self->pending_size;
    int code = SQLITE_OK;
    if (self->pending_size && (!appends || self->pending_size + (size_t)size > PENDING_MOST))
        code = s_flush(self);
    if (code != SQLITE_OK)
        return code;
    if (!self->pending && !(self->pending = malloc(PENDING_MOST)))
        return SQLITE_IOERR_NOMEM;
    if (size > PENDING_MOST)
        return s_real(file)->pMethods->xWrite(s_real(file), bytes, size, at);
    if (!self->pending_size)
        self->pending_at = at;
    memcpy(self->pending + self->pending_size, bytes, (size_t)size);
    self->pending_size += (size_t)size;
    return SQLITE_OK;
}

static int s_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at) {
    int code = s_flush(s_self(file));
    return code == SQLITE_OK ? s_real(file)->pMethods->xRead(s_real(file), bytes, size, at) : code;
}

static int s_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = s_flush(s_self(file));
    return code == SQLITE_OK ? s_real(file)->pMethods->xTruncate(s_real(file), size) : code;
}

static int s_sync(sqlite3_file *file, int flags) {
    int code = s_flush(s_self(file));
    return code == SQLITE_OK ? s_real(file)->pMethods->xSync(s_real(file), flags) : code;
}

static int s_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    int code = s_flush(s_self(file));
    return code == SQLITE_OK ? s_real(file)->pMethods->xFileSize(s_real(file), size) : code;
}

static int s_close(sqlite3_file *file) {
    int flushed = s_flush(s_self(file)), closed = s_real(file)->pMethods->xClose(s_real(file));
    free(s_self(file)->pending);
    return flushed != SQLITE_OK ? flushed : closed;
}

static int s_lock(sqlite3_file *file, int level) {
    return s_real(file)->pMethods->xLock(s_real(file), level);
}

static int s_unlock(sqlite3_file *file, int level) {
    return s_real(file)->pMethods->xUnlock(s_real(file), level);
}

static int s_check_reserved_lock(sqlite3_file *file, int *reserved) {
    return s_real(file)->pMethods->xCheckReservedLock(s_real(file), reserved);
}

static int s_file_control(sqlite3_file *file, int what, void *argument) {
    return s_real(file)->pMethods->xFileControl(s_real(file), what, argument);
}

static int s_sector_size(sqlite3_file *file) {
    return s_real(file)->pMethods->xSectorSize(s_real(file));
}

static int s_device_characteristics(sqlite3_file *file) {
    return s_real(file)->pMethods->xDeviceCharacteristics(s_real(file));
}

static const sqlite3_io_methods s_methods = {.iVersion = 1, /* a log needs no shared memory */
                                             .xClose = s_close,
                                             .xRead = s_read,
                                             .xWrite = s_write,
                                             .xTruncate = s_truncate,
                                             .xSync = s_sync,
                                             .xFileSize = s_file_size,
                                             .xLock = s_lock,
                                             .xUnlock = s_unlock,
                                             .xCheckReservedLock = s_check_reserved_lock,
                                             .xFileControl = s_file_control,
                                             .xSectorSize = s_sector_size,
                                             .xDeviceCharacteristics = s_device_characteristics};

/* ---- the VFS ---- */

static sqlite3_vfs s_vfs, *s_default;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static int s_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return s_default->xOpen(s_default, name, file, flags, out_flags);
    wal_file_t *self = s_self(file);
    *self = (wal_file_t){.base.pMethods = NULL};
    memset(self->real, 0, (size_t)s_default->szOsFile);
    int code = s_default->xOpen(s_default, name, s_real(file), flags, out_flags);
    if (s_real(file)->pMethods)
        self->base.pMethods = &s_methods;
    return code;
}

/* Before SQLite is first used, its memory statistics are turned off: they cost each allocation a lock that all
 * connections share. */
static void s_register(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused when something else has used SQLite before */
    s_default = sqlite3_vfs_find(NULL);
    if (!s_default)
        return;
    s_vfs = *s_default;
    s_vfs.zName = VFS_NAME;
    s_vfs.pNext = NULL;
    s_vfs.szOsFile = s_default->szOsFile + (int)sizeof(wal_file_t);
    s_vfs.xOpen = s_open;
    if (sqlite3_vfs_register(&s_vfs, 0) != SQLITE_OK)
        s_default = NULL;
}

const char *wal_file_vfs(void) {
    pthread_once(&s_once, s_register);
    return s_default ? VFS_NAME : NULL;
}
