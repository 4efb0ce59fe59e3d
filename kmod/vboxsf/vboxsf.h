/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the vboxsf file system: mounts, inodes, handles of the host, and what each file offers
 * the others. What the host is sent is shfl_proto.h.
 */
#ifndef VBOXSF_H
#define VBOXSF_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/nls.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vbox_err.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <openhgcm/vboxguest.h>

#include "shfl_proto.h"
#include "vboxsf_compat.h"

#define VBOXSF_SUPER_MAGIC	0x786f4256

/* So many pages fit a request of one page; also the read-ahead window. */
#define VBOXSF_IO_PAGES		480u
#define VBOXSF_IO_PAGES_MAX	32768u
/* Also a folio as large as they get. */
#define VBOXSF_IO_ROOM		512u
#define VBOXSF_DIR_BUFFER	(64u * 1024)
#define VBOXSF_DIR_BUFFER_MAX	(16u * 1024 * 1024)
#define VBOXSF_MODE_UNSET	((umode_t)~0)
#define VBOXSF_TTL_UNSET	(-1)
#define VBOXSF_TTL_AUTO_MS	1000
#define VBOXSF_TTL_ALWAYS_MS	60000
#define VBOXSF_TTL_MAX_MS	(24 * 3600 * 1000)

extern bool vboxsf_follow_symlinks;

/* What may be trusted without asking the host; see docs/shared-folders.md. */
enum vboxsf_cache {
	VBOXSF_CACHE_NONE,	/* nothing: reads and writes go to the host */
	VBOXSF_CACHE_STRICT,	/* pages, after each read(2) asked whether they are current */
	VBOXSF_CACHE_AUTO,	/* close-to-open, and for a short time in between */
	VBOXSF_CACHE_ALWAYS,	/* all: nobody else changes the share */
};

/**
 * struct vboxsf_options - Mount options.
 * @uid:	Owner of everything.
 * @gid:	Group of everything.
 * @dmode:	Permissions of directories, or VBOXSF_MODE_UNSET for the host's.
 * @fmode:	Permissions of files, likewise.
 * @dmask:	Permissions directories never have.
 * @fmask:	Permissions files never have.
 * @entry_ttl:	Milliseconds a name is trusted, VBOXSF_TTL_UNSET: default of @cache.
 * @attr_ttl:	Milliseconds attributes are trusted, likewise.
 * @cache:	Cache mode.
 * @io_pages:	Pages of one READ or WRITE.
 * @dir_buffer:	Bytes of the first LIST of a directory.
 * @nls:	Character set of names in the guest, NULL for UTF-8.
 * @tag:	Text of the automounter, shown in the mount table.
 */
struct vboxsf_options {
	kuid_t uid;
	kgid_t gid;
	umode_t dmode;
	umode_t fmode;
	umode_t dmask;
	umode_t fmask;
	int entry_ttl;
	int attr_ttl;
	enum vboxsf_cache cache;
	u32 io_pages;
	u32 dir_buffer;
	struct nls_table *nls;
	char tag[32];
};

/**
 * struct vboxsf_notify - Changes the host tells of; notify.c.
 * @lock:	Protects @watches and the watch of inodes. Sleeping.
 * @watches:	Inodes that are watched, by vboxsf_inode.watch_node; referenced.
 * @work:	Takes in what a WAIT returned, and waits again.
 * @call:	The WAIT.
 * @parms:	Its parameters.
 * @buffer:	Records; NULL until something is watched.
 * @waiting:	@call is with the host. Written by who starts it, cleared when it ends.
 * @stopped:	The mount ends.
 * @failures:	WAITs in a row that failed.
 */
struct vboxsf_notify {
	struct mutex lock;		/* @watches */
	struct list_head watches;
	struct delayed_work work;
	struct vbg_hgcm_async call;
	struct vmmdev_hgcm_function_parameter parms[3];
	void *buffer;
	bool waiting;
	bool stopped;
	unsigned int failures;
};

/**
 * struct vboxsf_sb - A mount.
 * @sb:		Super block; NULL until there is one.
 * @o:		Options. Changed by a remount, under s_umount.
 * @entry_ttl:	What @o says of time-outs, in jiffies.
 * @attr_ttl:	Likewise.
 * @share:	Name of the share, in UTF-8.
 * @client_lock: Held while connecting. Protects changes of the members below.
 * @generation:	Number of the connection; handles of older ones are void.
 * @client:	HGCM client of this mount.
 * @root:	Root id of the share.
 * @features:	Of QUERY_FEATURES.
 * @last_function: Of QUERY_FEATURES.
 * @connected:	@client and @root are valid.
 * @map_info:	SHFL_MIF_* of the share.
 * @root_dev:	Device number, on the host, of the share's root.
 * @statfs_lock: Protects the volume kept.
 * @volume:	Last volume information.
 * @volume_time: When it was asked for.
 * @calls_lock:	Protects @calls.
 * @calls:	Asynchronous calls that are expected to end soon.
 * @call_count:	Number of @calls, and of those being completed.
 * @calls_wait:	Woken when @call_count gets 0.
 * @watchdog:	Looks for a host that fell silent while @calls is not empty.
 * @epoch:	What was learned before this time (jiffies) is not trusted any more.
 * @list_bytes:	Bytes of directory listings kept with inodes.
 * @notify:	Change notification.
 * @idle_lock:	Protects the members below, and vboxsf_inode.idle.
 * @idle:	Handles that are kept after the last close, oldest first; idle.c.
 * @idle_count:	Their number.
 * @idle_work:	Closes them.
 */
struct vboxsf_sb {
	struct super_block *sb;
	struct vboxsf_options o;
	unsigned long entry_ttl;
	unsigned long attr_ttl;
	char *share;

	struct mutex client_lock;	/* connection */
	u32 generation;
	u32 client;
	u32 root;
	u64 features;
	u32 last_function;
	bool connected;
	u64 map_info;
	u32 root_dev;

	struct mutex statfs_lock;	/* @volume, @volume_time */
	struct shfl_volume volume;
	unsigned long volume_time;

	spinlock_t calls_lock;		/* @calls */
	struct list_head calls;
	atomic_t call_count;
	wait_queue_head_t calls_wait;
	struct delayed_work watchdog;

	unsigned long epoch;
	atomic_long_t list_bytes;
	struct vboxsf_notify notify;

	spinlock_t idle_lock;		/* the following */
	struct list_head idle;
	u32 idle_count;
	struct delayed_work idle_work;
};

/**
 * struct vboxsf_inode - An inode.
 * @vfs_inode:	The VFS's part.
 * @lock:	Protects all below that does not say otherwise. Spins.
 * @dev:	Device number on the host; with @ino the identity, if @has_id.
 * @ino:	Inode number on the host.
 * @has_id:	The host tells identities.
 * @generation:	Identity without @has_id: hash of the path is i_ino.
 * @handles:	Open handles of the host.
 * @idle:	A handle that is kept for a moment, and not in @handles; vboxsf_sb.idle_lock.
 * @keep:	One of them, kept for pages that are written after the last close.
 * @attr_valid:	Attributes were asked for and nothing says they are wrong.
 * @attr_time:	When; jiffies.
 * @checked_by:	Task whose path walk just asked for attributes. Only compared.
 * @change:	Counts what this guest did to size, times and content; replies of
 *		the host that were asked for before do not count.
 * @begun:	Counts changes of size or content that were begun.
 * @writers:	Changes of size or content under way.
 * @own_data:	This guest wrote since @seen_mtime and @seen_size were taken.
 * @own_time:	When it last changed anything; jiffies.
 * @own_meta:	This guest changed something that shows in the change time.
 * @seen:	The following tell what content the page cache is of.
 * @seen_mtime:	Modification time, ns.
 * @seen_ctime:	Change time, ns.
 * @seen_size:	Size.
 * @stale:	Not 0: the page cache is of older content and has to go. Counts.
 * @read_past:	Of a file: where reads past the cache have got to.
 * @version:	Of a directory: changes when entries may have.
 * @listing:	Of a directory: all of its entries, if known.
 * @looked_up:	Of a directory: the host was asked for an entry.
 * @asked:	Of a directory: names that were asked for, and exist, since @asked_since.
 * @asked_since: Likewise; jiffies.
 * @watch:	Id of the host's watch, 0: none; vboxsf_notify.lock.
 * @watch_node:	In vboxsf_notify.watches; its lock.
 */
struct vboxsf_inode {
	struct inode vfs_inode;
	spinlock_t lock;		/* see above */
	u32 dev;
	u64 ino;
	bool has_id;
	struct list_head handles;
	struct vboxsf_handle *idle;
	struct vboxsf_handle *keep;
	bool attr_valid;
	unsigned long attr_time;
	struct task_struct *checked_by;
	u64 change;
	unsigned int begun;
	unsigned int writers;
	bool own_data;
	bool own_meta;
	bool seen;
	unsigned int stale;
	unsigned long own_time;
	s64 seen_mtime;
	s64 seen_ctime;
	u64 seen_size;
	loff_t read_past;
	unsigned long version;
	struct vboxsf_listing *listing;
	bool looked_up;
	u32 asked;
	unsigned long asked_since;
	u32 watch;
	struct list_head watch_node;
};

/**
 * struct vboxsf_call - An asynchronous call that ends soon.
 * @call:	For vboxguest.
 * @parms:	Parameters.
 * @node:	In vboxsf_sb.calls.
 * @sbi:	Mount.
 * @start:	When it was submitted; jiffies.
 * @given_up:	It was tried to cancel it.
 * @left:	Who waited for it was killed: it moves no data, and need not be waited for.
 * @done:	Called when it ended; may free the structure, may sleep.
 */
struct vboxsf_call {
	struct vbg_hgcm_async call;
	struct vmmdev_hgcm_function_parameter parms[5];
	struct list_head node;
	struct vboxsf_sb *sbi;
	unsigned long start;
	bool given_up;
	bool left;
	void (*done)(struct vboxsf_call *call, int error);
};

/**
 * struct vboxsf_handle - An open file or directory of the host.
 * @ref:	Holders: open files, I/O in flight, vboxsf_inode.keep. The last one
 *		lets go before the inode can be freed.
 * @node:	In vboxsf_inode.handles.
 * @sbi:	Mount.
 * @inode:	Inode; not referenced.
 * @id:		Handle; changes with @generation when it was opened again.
 * @generation:	Of the connection @id is of.
 * @flags:	SHFL_CF_READ, _WRITE, _APPEND, _DIRECTORY.
 * @reopen:	Held while it is opened again. Sleeping.
 * @close:	For closing it.
 * @idle_node:	In vboxsf_sb.idle.
 * @idle_since:	When it got there; jiffies.
 */
struct vboxsf_handle {
	refcount_t ref;
	struct list_head node;
	struct vboxsf_sb *sbi;
	struct inode *inode;
	u64 id;
	u32 generation;
	u32 flags;
	struct mutex reopen;		/* @id, @generation */
	struct vboxsf_call close;
	struct list_head idle_node;
	unsigned long idle_since;
};

/**
 * struct vboxsf_file - An open regular file.
 * @lock:	Protects @other. Sleeping.
 * @handle:	Handle it was opened with.
 * @other:	The same with the other setting of SHFL_CF_APPEND, once needed.
 * @truncated:	The host truncated it when it was opened.
 */
struct vboxsf_file {
	struct mutex lock;		/* @other */
	struct vboxsf_handle *handle;
	struct vboxsf_handle *other;
	bool truncated;
};

/**
 * struct vboxsf_req - Memory of a call by path.
 * @ref:	One for who asks, one for @call if it was left.
 * @call:	CREATE, which is not forgotten when its caller is killed: the host may open
 *		something for it.
 * @generation:	Connection it is made over.
 * @create:	Parameters and result of CREATE.
 * @info:	Result of SYMLINK.
 * @path:	Points into @text.
 * @text:	A path with its header.
 */
struct vboxsf_req {
	refcount_t ref;
	struct vboxsf_call call;
	u32 generation;
	struct shfl_create_parms create;
	struct shfl_info info;
	struct shfl_string *path;
	u8 text[sizeof(struct shfl_string) + PATH_MAX];
};

static inline struct vboxsf_sb *VBOXSF_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct vboxsf_inode *VBOXSF_I(const struct inode *inode)
{
	return container_of(inode, struct vboxsf_inode, vfs_inode);
}

/* status.c */
int vboxsf_errno(int status);

/* client.c: the connection of a mount. */
int vboxsf_client_start(struct vboxsf_sb *sbi, struct fs_context *fc);
void vboxsf_client_stop(struct vboxsf_sb *sbi);
int vboxsf_client_again(struct vboxsf_sb *sbi, u32 generation);
int vboxsf_call_sync(struct vboxsf_sb *sbi, u32 function,
		     struct vmmdev_hgcm_function_parameter *parms, u32 count, int *status);
int vboxsf_call_or_leave(struct vboxsf_call *call, struct vboxsf_sb *sbi, u32 function, u32 count,
			 int *status);
void vboxsf_call_left(struct vboxsf_call *call);
int vboxsf_call_start(struct vboxsf_call *call, struct vboxsf_sb *sbi, u32 function, u32 count);
void vboxsf_calls_init(struct vboxsf_sb *sbi);
void vboxsf_calls_wait(struct vboxsf_sb *sbi);
void vboxsf_calls_cancel_left(struct vboxsf_sb *sbi);
void vboxsf_calls_give_up(struct vboxsf_sb *sbi);
void vboxsf_busy_get(struct vboxsf_sb *sbi);
void vboxsf_busy_put(struct vboxsf_sb *sbi);

/* shfl.c: calls of the protocol. */
int vboxsf_req_init(void);
void vboxsf_req_exit(void);
struct vboxsf_req *vboxsf_req_alloc(void);
void vboxsf_req_free(struct vboxsf_req *req);
int vboxsf_req_path(struct vboxsf_req *req, struct vboxsf_sb *sbi, struct dentry *dentry);
int vboxsf_req_text(struct vboxsf_req *req, struct vboxsf_sb *sbi, const char *text);
int vboxsf_name_from_host(struct vboxsf_sb *sbi, const u8 *name, u32 length, char *to, u32 size);
void vboxsf_set_u32(struct vmmdev_hgcm_function_parameter *parm, u32 value);
void vboxsf_set_u64(struct vmmdev_hgcm_function_parameter *parm, u64 value);
void vboxsf_set_buffer(struct vmmdev_hgcm_function_parameter *parm, u32 type, const void *data,
		       u32 size);
void vboxsf_set_path(struct vmmdev_hgcm_function_parameter *parm, const struct vboxsf_req *req);
int vboxsf_shfl_create(struct vboxsf_sb *sbi, struct vboxsf_req *req, u32 flags, umode_t mode,
		       u32 *generation);
int vboxsf_shfl_lookup(struct vboxsf_sb *sbi, struct dentry *dentry, struct shfl_info *info);
int vboxsf_shfl_info(struct vboxsf_handle *handle, u32 flags, struct shfl_info *info);
int vboxsf_shfl_flush(struct vboxsf_handle *handle);
int vboxsf_shfl_list(struct vboxsf_handle *handle, void *buffer, u32 *size, u32 *count, bool *more);
int vboxsf_shfl_remove(struct vboxsf_sb *sbi, struct dentry *dentry, u32 flags);
int vboxsf_shfl_rename(struct vboxsf_sb *sbi, struct dentry *from, struct dentry *to, u32 flags);
int vboxsf_shfl_symlink(struct vboxsf_sb *sbi, struct dentry *dentry, const char *target,
			struct shfl_info *info);
int vboxsf_shfl_link(struct vboxsf_sb *sbi, struct dentry *from, struct dentry *to,
		     struct shfl_info *info);
int vboxsf_shfl_readlink(struct vboxsf_sb *sbi, struct dentry *dentry, char *buffer, u32 size);
int vboxsf_shfl_volume(struct vboxsf_sb *sbi, struct shfl_volume *volume);
int vboxsf_shfl_copy(struct vboxsf_handle *from, u64 from_pos, struct vboxsf_handle *to,
		     u64 to_pos, u64 *bytes);

/* io.c: handles, and reads and writes of pages. */
struct vboxsf_handle *vboxsf_handle_new(struct inode *inode, u64 id, u32 generation, u32 flags);
struct vboxsf_handle *vboxsf_handle_open(struct inode *inode, struct dentry *dentry, u32 flags);
void vboxsf_handle_get(struct vboxsf_handle *handle);
void vboxsf_handle_put(struct vboxsf_handle *handle);
bool vboxsf_handle_let_go(struct vboxsf_handle *handle);
void vboxsf_handle_close(struct vboxsf_handle *handle);
void vboxsf_handle_hide(struct vboxsf_handle *handle, bool hidden);
void vboxsf_handle_abandon(struct vboxsf_sb *sbi, u64 id, u32 generation);
int vboxsf_handle_reopen(struct vboxsf_handle *handle, u64 before);
struct vboxsf_handle *vboxsf_handle_find(struct inode *inode, u32 flags);
struct vboxsf_settle *vboxsf_settle_begin(struct inode *inode, struct vboxsf_handle *handle);
void vboxsf_settle_end(struct vboxsf_settle *settle);

/**
 * struct vboxsf_io - Pages that are read or written.
 * @call:	The call.
 * @handle:	Handle; referenced until @end is called.
 * @inode:	Inode.
 * @pos:	Where in the file the rest starts.
 * @length:	Bytes of the rest.
 * @done:	Bytes before the rest.
 * @offset:	Where in the first page the data starts.
 * @count:	Number of @pages.
 * @max:	Room for so many.
 * @write:	Direction.
 * @reopened:	The handle was opened again.
 * @void_handle: @work has to open the handle again first.
 * @pooled:	From the reserve.
 * @list:	For the call.
 * @work:	Goes on with the rest.
 * @end:	Called once, when all is done or failed; frees the structure. @handle
 *		is put by then.
 * @private:	Of @end.
 * @index:	Of @end.
 * @pages:	Pages. Looked after by whoever submits and by @end.
 */
struct vboxsf_io {
	struct vboxsf_call call;
	struct vboxsf_handle *handle;
	struct inode *inode;
	loff_t pos;
	u32 length;
	u32 done;
	u32 offset;
	u32 count;
	u32 max;
	bool write;
	bool reopened;
	bool void_handle;
	bool pooled;
	struct vbg_hgcm_pages list;
	struct work_struct work;
	void (*end)(struct vboxsf_io *io, int error);
	void *private;
	u32 index;
	struct page *pages[];
};

int vboxsf_io_init(void);
void vboxsf_io_exit(void);
struct vboxsf_io *vboxsf_io_alloc(u32 max, bool reserve);
void vboxsf_io_free(struct vboxsf_io *io);
void vboxsf_io_submit(struct vboxsf_io *io);

/* idle.c: handles that may be wanted again. */
void vboxsf_idle_init(struct vboxsf_sb *sbi);
void vboxsf_idle_stop(struct vboxsf_sb *sbi);
void vboxsf_idle_put(struct vboxsf_handle *handle);
struct vboxsf_handle *vboxsf_idle_take(struct inode *inode);

/* pages.c: the page cache. */
extern const struct address_space_operations vboxsf_file_aops;
extern const struct address_space_operations vboxsf_symlink_aops;
int vboxsf_drop_stale_pages(struct inode *inode);
size_t vboxsf_write_large(struct kiocb *iocb, struct iov_iter *from);
void vboxsf_break_down(struct inode *inode, loff_t pos, size_t length);
void vboxsf_zero_tail(struct inode *inode, loff_t from);
bool vboxsf_dirty(struct inode *inode);

/* direct.c: reads and writes past the page cache. */
ssize_t vboxsf_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t vboxsf_direct_write(struct kiocb *iocb, struct iov_iter *from);
bool vboxsf_direct_possible(const struct iov_iter *iter);

/* file.c: open files. */
extern const struct file_operations vboxsf_file_fops;
extern const struct inode_operations vboxsf_file_iops;
struct vboxsf_file *vboxsf_file_alloc(struct vboxsf_handle *handle);
void vboxsf_file_free(struct vboxsf_file *vf);
int vboxsf_file_adopt(struct inode *inode, struct file *file);
u32 vboxsf_open_flags(struct inode *dir_or_file, unsigned int flags);
struct vboxsf_handle *vboxsf_file_handle(struct file *file, bool append);

/* inode.c: attributes. */
int vboxsf_inode_init_cache(void);
void vboxsf_inode_exit_cache(void);
struct inode *vboxsf_inode_alloc(struct super_block *sb);
void vboxsf_inode_free(struct inode *inode);
void vboxsf_inode_evict(struct inode *inode);
struct inode *vboxsf_inode_get(struct super_block *sb, struct inode *dir, const struct qstr *name,
			       const struct shfl_info *info);
bool vboxsf_inode_same(struct inode *inode, const struct shfl_info *info);
bool vboxsf_info_valid(const struct shfl_info *info);
u64 vboxsf_inode_number(struct vboxsf_sb *sbi, struct inode *dir, const struct qstr *name,
			const struct shfl_info *info);
u64 vboxsf_inode_change(struct inode *inode);
void vboxsf_inode_update(struct inode *inode, const struct shfl_info *info, u64 change);
void vboxsf_inode_expire(struct inode *inode);
void vboxsf_inode_own_meta(struct inode *inode, bool data);
void vboxsf_inode_write_begin(struct inode *inode);
void vboxsf_inode_write_end(struct inode *inode);
void vboxsf_dir_changed(struct inode *dir);
bool vboxsf_attr_fresh(struct inode *inode);
int vboxsf_revalidate(struct inode *inode, struct dentry *dentry);
int vboxsf_getattr(struct vboxsf_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int flags);
int vboxsf_setattr(struct vboxsf_idmap *idmap, struct dentry *dentry, struct iattr *attr);

/* namei.c: names. */
extern const struct inode_operations vboxsf_dir_iops;
extern const struct inode_operations vboxsf_symlink_iops;
extern const struct dentry_operations vboxsf_dentry_ops;
void vboxsf_entry_fresh(struct dentry *dentry);
void vboxsf_entry_expire(struct dentry *dentry);

/* dir.c: open directories. */
extern const struct file_operations vboxsf_dir_fops;
void vboxsf_listing_drop(struct inode *dir);
void vboxsf_dir_asked(struct dentry *parent);

/* options.c */
extern const struct fs_parameter_spec vboxsf_parameters[];
void vboxsf_options_default(struct vboxsf_options *o);
void vboxsf_options_free(struct vboxsf_options *o);
int vboxsf_options_parse(struct fs_context *fc, struct fs_parameter *param,
			 struct vboxsf_options *o);
int vboxsf_options_binary(struct fs_context *fc, const u8 *data, struct vboxsf_options *o);
bool vboxsf_options_is_binary(const u8 *data);
void vboxsf_options_show(struct seq_file *seq, const struct vboxsf_options *o);
unsigned long vboxsf_options_ttl(const struct vboxsf_options *o, int ttl);

/* notify.c: changes made on the host. */
void vboxsf_notify_init(struct vboxsf_sb *sbi);
void vboxsf_notify_stop(struct vboxsf_sb *sbi);
int vboxsf_permission(struct vboxsf_idmap *idmap, struct inode *inode, int mask);

#endif
