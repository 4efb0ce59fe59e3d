// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the shared folder protocol, one function each, and the memory of calls that name
 * something. Which call is made when is decided elsewhere.
 *
 * Buffers are slab objects or pages, never on the stack: should the host keep a request that was
 * cancelled, it keeps a copy of those (vboxguest sees to that).
 */
#include <linux/dcache.h>
#include <linux/slab.h>
#include <openhgcm/shfl_ext.h>

#include "vboxsf.h"

static struct kmem_cache *req_cache;

/**
 * vboxsf_req_init() - Prepare for calls.
 *
 * Context: Module initialisation.
 * Return: 0 or -ENOMEM.
 */
int vboxsf_req_init(void)
{
	req_cache = kmem_cache_create("vboxsf_req", sizeof(struct vboxsf_req), 0, 0, NULL);
	return req_cache ? 0 : -ENOMEM;
}

/**
 * vboxsf_req_exit() - Undo vboxsf_req_init().
 *
 * Context: Module exit.
 */
void vboxsf_req_exit(void)
{
	kmem_cache_destroy(req_cache);
}

/**
 * vboxsf_req_alloc() - Memory for a call by path.
 *
 * Context: Process context, may sleep.
 * Return: The memory, for vboxsf_req_free(), or NULL.
 */
struct vboxsf_req *vboxsf_req_alloc(void)
{
	struct vboxsf_req *req = kmem_cache_alloc(req_cache, GFP_NOFS);

	if (req)
		refcount_set(&req->ref, 1);
	return req;
}

/**
 * vboxsf_req_free() - Let go of memory of vboxsf_req_alloc().
 * @req:	Memory or NULL.
 *
 * Context: Any.
 */
void vboxsf_req_free(struct vboxsf_req *req)
{
	if (req && refcount_dec_and_test(&req->ref))
		kmem_cache_free(req_cache, req);
}

static void req_set_text(struct vboxsf_req *req, char *text, size_t length)
{
	req->path = (struct shfl_string *)(text - sizeof(*req->path));
	req->path->size = cpu_to_le16(length + 1);
	req->path->length = cpu_to_le16(length);
}

/* Convert text of the guest's character set to UTF-8. */
static int to_utf8(struct nls_table *nls, const char *from, char *to, int size)
{
	int left = strlen(from), used, put, at = 0;
	wchar_t c;

	while (left) {
		used = nls->char2uni(from, left, &c);
		if (used <= 0)
			return -EILSEQ;
		put = utf32_to_utf8(c, to + at, size - at - 1);
		if (put <= 0)
			return size - at < 8 ? -ENAMETOOLONG : -EILSEQ;
		from += used;
		left -= used;
		at += put;
	}
	to[at] = 0;
	return at;
}

/**
 * vboxsf_req_text() - Put text into a request.
 * @req:	Request.
 * @sbi:	Mount for the conversion, NULL if the text is UTF-8.
 * @text:	Text.
 *
 * Context: Process context.
 * Return: 0, -ENAMETOOLONG or -EILSEQ.
 */
int vboxsf_req_text(struct vboxsf_req *req, struct vboxsf_sb *sbi, const char *text)
{
	char *to = (char *)req->text + sizeof(*req->path);
	size_t size = sizeof(req->text) - sizeof(*req->path);
	ssize_t length;

	if (sbi && sbi->o.nls)
		length = to_utf8(sbi->o.nls, text, to, size);
	else
		length = strscpy(to, text, size);
	if (length < 0)
		return length == -E2BIG ? -ENAMETOOLONG : length;
	req_set_text(req, to, length);
	return 0;
}

/**
 * vboxsf_req_path() - Put the path of a dentry into a request.
 * @req:	Request.
 * @sbi:	Mount.
 * @dentry:	Dentry; may be unhashed or negative.
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENAMETOOLONG, -EILSEQ or -ENOMEM.
 */
int vboxsf_req_path(struct vboxsf_req *req, struct vboxsf_sb *sbi, struct dentry *dentry)
{
	char *path, *copy;
	int ret;

	path = dentry_path_raw(dentry, (char *)req->text + sizeof(*req->path), PATH_MAX);
	if (IS_ERR(path))
		return PTR_ERR(path);
	if (!sbi->o.nls) {
		req_set_text(req, path, strlen(path));
		return 0;
	}
	copy = kstrdup(path, GFP_NOFS);
	if (!copy)
		return -ENOMEM;
	ret = vboxsf_req_text(req, sbi, copy);
	kfree(copy);
	return ret;
}

/**
 * vboxsf_name_from_host() - Convert a name of the host to the guest's character set.
 * @sbi:	Mount.
 * @name:	Name in UTF-8, not terminated.
 * @length:	Its bytes.
 * @to:		Where to put it, terminated.
 * @size:	Bytes there.
 *
 * Context: Any.
 * Return: Length, or -EILSEQ, -ENAMETOOLONG.
 */
int vboxsf_name_from_host(struct vboxsf_sb *sbi, const u8 *name, u32 length, char *to, u32 size)
{
	u32 at = 0;
	unicode_t c;
	int n;

	if (!sbi->o.nls) {
		if (length >= size)
			return -ENAMETOOLONG;
		memcpy(to, name, length);
		to[length] = 0;
		return length;
	}
	while (length) {
		n = utf8_to_utf32(name, length, &c);
		if (n <= 0 || c > MAX_WCHAR_T)
			return -EILSEQ;
		name += n;
		length -= n;
		n = sbi->o.nls->uni2char(c, to + at, size - at - 1);
		if (n <= 0)
			return n == -ENAMETOOLONG ? n : -EILSEQ;
		at += n;
	}
	to[at] = 0;
	return at;
}

/**
 * vboxsf_set_u32() - Fill in a parameter of 32 bits.
 * @parm:	Parameter.
 * @value:	Value.
 *
 * Context: Any.
 */
void vboxsf_set_u32(struct vmmdev_hgcm_function_parameter *parm, u32 value)
{
	parm->type = VMMDEV_HGCM_PARM_TYPE_32BIT;
	parm->u.value32 = value;
}

/**
 * vboxsf_set_u64() - Fill in a parameter of 64 bits.
 * @parm:	Parameter.
 * @value:	Value.
 *
 * Context: Any.
 */
void vboxsf_set_u64(struct vmmdev_hgcm_function_parameter *parm, u64 value)
{
	parm->type = VMMDEV_HGCM_PARM_TYPE_64BIT;
	parm->u.value64 = value;
}

/**
 * vboxsf_set_buffer() - Fill in a parameter that is a buffer.
 * @parm:	Parameter.
 * @type:	VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL* or VBG_HGCM_PARM_PAGES_*.
 * @data:	The buffer, or its struct vbg_hgcm_pages.
 * @size:	Bytes of the buffer.
 *
 * Context: Any.
 */
void vboxsf_set_buffer(struct vmmdev_hgcm_function_parameter *parm, u32 type, const void *data,
		       u32 size)
{
	parm->type = type;
	parm->u.pointer.size = size;
	parm->u.pointer.u.linear_addr = (unsigned long)data;
}

/**
 * vboxsf_set_path() - Fill in the parameter that is the text of a request.
 * @parm:	Parameter.
 * @req:	Request.
 *
 * Context: Any.
 */
void vboxsf_set_path(struct vmmdev_hgcm_function_parameter *parm, const struct vboxsf_req *req)
{
	vboxsf_set_buffer(parm, VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN, req->path,
			  sizeof(*req->path) + le16_to_cpu(req->path->size));
}

/* A call by path; once more if the connection had to be renewed. */
static int call_path(struct vboxsf_sb *sbi, u32 function,
		     struct vmmdev_hgcm_function_parameter *parms, u32 count)
{
	int ret, status;

	ret = vboxsf_call_sync(sbi, function, parms, count, &status);
	if (ret == -EBADF)
		ret = vboxsf_call_sync(sbi, function, parms, count, &status);
	if (ret)
		return ret == -EBADF ? -EIO : ret;
	return vboxsf_errno(status);
}

/* A call by handle; once more with the handle opened again if the host does not know it. */
static int call_handle(struct vboxsf_handle *handle, u32 function,
		       struct vmmdev_hgcm_function_parameter *parms, u32 count)
{
	struct vboxsf_sb *sbi = handle->sbi;
	bool again = false;
	int ret, status;

	for (;;) {
		vboxsf_set_u64(&parms[1], READ_ONCE(handle->id));
		ret = READ_ONCE(handle->generation) == READ_ONCE(sbi->generation) ? 0 : -EBADF;
		if (!ret)
			ret = vboxsf_call_sync(sbi, function, parms, count, &status);
		if (!ret)
			ret = status == VERR_NO_MORE_FILES ? -ENODATA : vboxsf_errno(status);
		if (ret != -EBADF || again)
			return ret;
		again = true;
		ret = vboxsf_handle_reopen(handle, parms[1].u.value64);
		if (ret)
			return ret;
	}
}

static void create_leave(struct vbg_hgcm_async *async)
{
	struct vboxsf_req *req = container_of(async, struct vboxsf_req, call.call);

	refcount_inc(&req->ref);
	vboxsf_call_left(&req->call);
}

/* A CREATE has ended whose caller was killed: nobody wants what it opened. */
static void create_left(struct vboxsf_call *call, int error)
{
	struct vboxsf_req *req = container_of(call, struct vboxsf_req, call);

	if (!error && le64_to_cpu(req->create.handle) != SHFL_NIL_HANDLE)
		vboxsf_handle_abandon(call->sbi, le64_to_cpu(req->create.handle), req->generation);
	vboxsf_req_free(req);
}

static int call_create(struct vboxsf_sb *sbi, struct vboxsf_req *req)
{
	struct vmmdev_hgcm_function_parameter *parms = req->call.parms;
	int ret, status, tries;

	req->call.call.leave = create_leave;
	req->call.call.soon = false;
	req->call.done = create_left;
	for (tries = 0; tries < 2; tries++) {
		req->generation = READ_ONCE(sbi->generation);
		vboxsf_set_path(&parms[1], req);
		vboxsf_set_buffer(&parms[2], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, &req->create,
				  sizeof(req->create));
		ret = vboxsf_call_or_leave(&req->call, sbi, SHFL_FN_CREATE, 3, &status);
		/* Once more if the connection had to be renewed. */
		if (ret != -EBADF)
			break;
	}
	if (ret)
		return ret == -EBADF ? -EIO : ret;
	return vboxsf_errno(status);
}

/**
 * vboxsf_shfl_create() - CREATE: look up, open or create what a request names.
 * @sbi:	Mount.
 * @req:	Request with a path; @create has the answer.
 * @flags:	SHFL_CF_*.
 * @mode:	Permissions of what is created.
 * @generation:	Where the connection is stored that a handle is of; may be NULL.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 with a result of SHFL_FILE_EXISTS, _CREATED or _REPLACED and, but for lookups and what
 * must not exist, a handle. Else -ENOENT, or another error.
 */
int vboxsf_shfl_create(struct vboxsf_sb *sbi, struct vboxsf_req *req, u32 flags, umode_t mode,
		       u32 *generation)
{
	bool wants_handle;
	int ret;

	memset(&req->create, 0, sizeof(req->create));
	req->create.handle = cpu_to_le64(SHFL_NIL_HANDLE);
	req->create.flags = cpu_to_le32(flags);
	req->create.info.mode = cpu_to_le32(mode);
	ret = call_create(sbi, req);
	if (ret)
		return ret;
	if (generation)
		*generation = req->generation;

	switch (le32_to_cpu(req->create.result)) {
	case SHFL_PATH_NOT_FOUND:
	case SHFL_FILE_NOT_FOUND:
		return -ENOENT;
	case SHFL_FILE_EXISTS:
		if (flags & SHFL_CF_FAIL_IF_EXISTS && !(flags & SHFL_CF_LOOKUP) &&
		    le64_to_cpu(req->create.handle) == SHFL_NIL_HANDLE)
			return -EEXIST;
		break;
	case SHFL_FILE_CREATED:
	case SHFL_FILE_REPLACED:
		break;
	default:
		return -EIO;
	}
	wants_handle = !(flags & SHFL_CF_LOOKUP);
	if (wants_handle && le64_to_cpu(req->create.handle) == SHFL_NIL_HANDLE)
		return -EIO;
	if (!vboxsf_info_valid(&req->create.info)) {
		if (wants_handle)
			vboxsf_handle_abandon(sbi, le64_to_cpu(req->create.handle),
					      req->generation);
		return -EIO;
	}
	return 0;
}

/**
 * vboxsf_shfl_lookup() - Ask for the attributes of a name.
 * @sbi:	Mount.
 * @dentry:	The name.
 * @info:	Where they are stored.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0, -ENOENT or another error.
 */
int vboxsf_shfl_lookup(struct vboxsf_sb *sbi, struct dentry *dentry, struct shfl_info *info)
{
	struct vboxsf_req *req = vboxsf_req_alloc();
	int ret;

	if (!req)
		return -ENOMEM;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (!ret)
		ret = vboxsf_shfl_create(sbi, req, SHFL_CF_LOOKUP | SHFL_CF_FAIL_IF_NEW, 0, NULL);
	if (!ret)
		*info = req->create.info;
	vboxsf_req_free(req);
	return ret;
}

/**
 * vboxsf_shfl_info() - INFORMATION of an open file or directory.
 * @handle:	Handle.
 * @flags:	SHFL_INFO_*.
 * @info:	What to set, and where the attributes are stored.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_shfl_info(struct vboxsf_handle *handle, u32 flags, struct shfl_info *info)
{
	struct vmmdev_hgcm_function_parameter parms[5];
	struct shfl_info *buffer = kmemdup(info, sizeof(*info), GFP_NOFS);
	int ret;

	if (!buffer)
		return -ENOMEM;
	vboxsf_set_u32(&parms[2], flags);
	vboxsf_set_u32(&parms[3], sizeof(*buffer));
	vboxsf_set_buffer(&parms[4], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, buffer,
			  sizeof(*buffer));
	ret = call_handle(handle, SHFL_FN_INFORMATION, parms, 5);
	if (!ret && !vboxsf_info_valid(buffer))
		ret = -EIO;
	if (!ret)
		*info = *buffer;
	kfree(buffer);
	return ret;
}

/**
 * vboxsf_shfl_flush() - FLUSH: bring a file or directory to the host's disk.
 * @handle:	Handle.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error. Through a handle that cannot write only what a disk or a signal says is an
 * error: hosts that are no POSIX systems flush nothing through those.
 */
int vboxsf_shfl_flush(struct vboxsf_handle *handle)
{
	struct vmmdev_hgcm_function_parameter parms[2];
	int ret = call_handle(handle, SHFL_FN_FLUSH, parms, 2);

	if (handle->flags & SHFL_CF_WRITE || ret == -EINTR || ret == -EIO || ret == -ENOSPC)
		return ret;
	return 0;
}

/**
 * vboxsf_shfl_list() - LIST the next entries of a directory.
 * @handle:	Handle of the directory.
 * @buffer:	Memory for the entries; page aligned.
 * @size:	Its bytes; set to those of the entries.
 * @count:	Set to their number.
 * @more:	Set if there are more.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0; -ENOBUFS if the next entry does not fit; or another error.
 */
int vboxsf_shfl_list(struct vboxsf_handle *handle, void *buffer, u32 *size, u32 *count, bool *more)
{
	struct vmmdev_hgcm_function_parameter parms[8];
	u32 room = *size;
	int ret;

	*count = 0;
	*more = false;
	vboxsf_set_u32(&parms[2], 0);
	vboxsf_set_u32(&parms[3], room);
	vboxsf_set_buffer(&parms[4], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN, NULL, 0);
	vboxsf_set_buffer(&parms[5], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, buffer, room);
	vboxsf_set_u32(&parms[6], 0);
	vboxsf_set_u32(&parms[7], 0);
	ret = call_handle(handle, SHFL_FN_LIST, parms, 8);
	if (ret)
		return ret == -ENODATA ? 0 : ret;
	*size = parms[3].u.value32;
	*count = parms[7].u.value32;
	*more = parms[6].u.value32;
	if (*size > room)
		return -EIO;
	return *more && !*count ? -ENOBUFS : 0;
}

/**
 * vboxsf_shfl_remove() - REMOVE a name.
 * @sbi:	Mount.
 * @dentry:	The name.
 * @flags:	SHFL_REMOVE_*.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_shfl_remove(struct vboxsf_sb *sbi, struct dentry *dentry, u32 flags)
{
	struct vmmdev_hgcm_function_parameter parms[3];
	struct vboxsf_req *req = vboxsf_req_alloc();
	int ret;

	if (!req)
		return -ENOMEM;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (!ret) {
		vboxsf_set_path(&parms[1], req);
		vboxsf_set_u32(&parms[2], flags);
		ret = call_path(sbi, SHFL_FN_REMOVE, parms, 3);
	}
	vboxsf_req_free(req);
	return ret;
}

/**
 * vboxsf_shfl_rename() - RENAME.
 * @sbi:	Mount.
 * @from:	Old name.
 * @to:		New name.
 * @flags:	SHFL_RENAME_*.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_shfl_rename(struct vboxsf_sb *sbi, struct dentry *from, struct dentry *to, u32 flags)
{
	struct vmmdev_hgcm_function_parameter parms[4];
	struct vboxsf_req *a = vboxsf_req_alloc(), *b = vboxsf_req_alloc();
	int ret = -ENOMEM;

	if (!a || !b)
		goto out;
	ret = vboxsf_req_path(a, sbi, from);
	if (!ret)
		ret = vboxsf_req_path(b, sbi, to);
	if (ret)
		goto out;
	vboxsf_set_path(&parms[1], a);
	vboxsf_set_path(&parms[2], b);
	vboxsf_set_u32(&parms[3], flags);
	ret = call_path(sbi, SHFL_FN_RENAME, parms, 4);
out:
	vboxsf_req_free(a);
	vboxsf_req_free(b);
	return ret;
}

/*
 * SYMLINK and LINK: of a name and, if it is not a name too, a text, the attributes of what was
 * made. A share that does not want the former says that it is read-only.
 */
static int make_link(struct vboxsf_sb *sbi, u32 function, struct dentry *name, struct dentry *other,
		     const char *text, struct shfl_info *info)
{
	struct vboxsf_req *a = vboxsf_req_alloc(), *b = vboxsf_req_alloc();
	struct vmmdev_hgcm_function_parameter parms[4];
	int ret = -ENOMEM;

	if (!a || !b)
		goto out;
	ret = vboxsf_req_path(a, sbi, name);
	if (!ret)
		ret = other ? vboxsf_req_path(b, sbi, other) : vboxsf_req_text(b, sbi, text);
	if (ret)
		goto out;
	memset(&a->info, 0, sizeof(a->info));
	vboxsf_set_path(&parms[1], a);
	vboxsf_set_path(&parms[2], b);
	vboxsf_set_buffer(&parms[3], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, &a->info,
			  sizeof(a->info));
	ret = call_path(sbi, function, parms, 4);
	if (!ret && !vboxsf_info_valid(&a->info))
		ret = -EIO;
	*info = a->info;
	if (ret == -EROFS)
		ret = -EPERM;
out:
	vboxsf_req_free(a);
	vboxsf_req_free(b);
	return ret;
}

/**
 * vboxsf_shfl_symlink() - SYMLINK.
 * @sbi:	Mount.
 * @dentry:	Name of the new link.
 * @target:	Its text.
 * @info:	Where its attributes are stored.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0, -EPERM (the host does not want links) or another error.
 */
int vboxsf_shfl_symlink(struct vboxsf_sb *sbi, struct dentry *dentry, const char *target,
			struct shfl_info *info)
{
	return make_link(sbi, SHFL_FN_SYMLINK, dentry, NULL, target, info);
}

/**
 * vboxsf_shfl_link() - LINK, of hosts that have SHFL_EXT_FEATURE_LINKS.
 * @sbi:	Mount.
 * @from:	A name of what gets another one.
 * @to:		The new name.
 * @info:	Where the attributes of @to are stored.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0, -EOPNOTSUPP (the host's file system has no links) or another error.
 */
int vboxsf_shfl_link(struct vboxsf_sb *sbi, struct dentry *from, struct dentry *to,
		     struct shfl_info *info)
{
	return make_link(sbi, SHFL_EXT_FN_LINK, from, to, NULL, info);
}

/**
 * vboxsf_shfl_readlink() - READLINK.
 * @sbi:	Mount.
 * @dentry:	Name of the link.
 * @buffer:	Where the text goes, terminated; a page.
 * @size:	Bytes there.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_shfl_readlink(struct vboxsf_sb *sbi, struct dentry *dentry, char *buffer, u32 size)
{
	struct vmmdev_hgcm_function_parameter parms[3];
	struct vboxsf_req *req = vboxsf_req_alloc();
	char *text = kmalloc(size, GFP_NOFS);
	int ret = -ENOMEM;

	if (!req || !text)
		goto out;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (ret)
		goto out;
	vboxsf_set_path(&parms[1], req);
	vboxsf_set_buffer(&parms[2], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, text, size);
	ret = call_path(sbi, SHFL_FN_READLINK, parms, 3);
	if (ret)
		goto out;
	text[size - 1] = 0;
	ret = vboxsf_name_from_host(sbi, text, strlen(text), buffer, size);
	ret = min(ret, 0);
out:
	kfree(text);
	vboxsf_req_free(req);
	return ret;
}

/**
 * vboxsf_shfl_volume() - Ask for the host's file system.
 * @sbi:	Mount.
 * @volume:	Where the answer is stored.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_shfl_volume(struct vboxsf_sb *sbi, struct shfl_volume *volume)
{
	struct vmmdev_hgcm_function_parameter parms[5];
	struct shfl_volume *buffer = kzalloc(sizeof(*buffer), GFP_NOFS);
	int ret;

	if (!buffer)
		return -ENOMEM;
	vboxsf_set_u64(&parms[1], 0);
	vboxsf_set_u32(&parms[2], SHFL_INFO_GET | SHFL_INFO_VOLUME);
	vboxsf_set_u32(&parms[3], sizeof(*buffer));
	vboxsf_set_buffer(&parms[4], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, buffer,
			  sizeof(*buffer));
	ret = call_path(sbi, SHFL_FN_INFORMATION, parms, 5);
	if (!ret)
		*volume = *buffer;
	kfree(buffer);
	return ret;
}

/**
 * vboxsf_shfl_copy() - COPY_FILE_PART: let the host copy from file to file.
 * @from:	Handle of the source.
 * @from_pos:	Offset there.
 * @to:		Handle of the destination, of the same mount.
 * @to_pos:	Offset there.
 * @bytes:	Bytes wanted; set to those copied.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_shfl_copy(struct vboxsf_handle *from, u64 from_pos, struct vboxsf_handle *to,
		     u64 to_pos, u64 *bytes)
{
	struct vmmdev_hgcm_function_parameter parms[8];
	u64 wanted = *bytes;
	int ret;

	if (READ_ONCE(to->generation) != READ_ONCE(to->sbi->generation)) {
		ret = vboxsf_handle_reopen(to, READ_ONCE(to->id));
		if (ret)
			return ret;
	}
	vboxsf_set_u64(&parms[2], from_pos);
	vboxsf_set_u32(&parms[3], to->sbi->root);
	vboxsf_set_u64(&parms[4], READ_ONCE(to->id));
	vboxsf_set_u64(&parms[5], to_pos);
	vboxsf_set_u64(&parms[6], wanted);
	vboxsf_set_u32(&parms[7], 0);
	ret = call_handle(from, SHFL_FN_COPY_FILE_PART, parms, 8);
	*bytes = ret ? 0 : min_t(u64, parms[6].u.value64, wanted);
	return ret;
}
