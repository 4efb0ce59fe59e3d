// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: looking them up, creating, removing and renaming them, and for how long they are trusted.
 * Opening and creating are one call (atomic_open). A file or directory that is opened is not looked
 * up again first: opening it tells.
 */
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <openhgcm/shfl_ext.h>

#include "vboxsf.h"

/*
 * Names remember when the host was asked last (d_time), and those that do not exist also what
 * state of their directory that was (d_fsdata).
 */

/**
 * vboxsf_entry_fresh() - The host has just told that a name is what its dentry says.
 * @dentry:	Name.
 *
 * Context: Any; somebody holds a reference to the parent.
 */
void vboxsf_entry_fresh(struct dentry *dentry)
{
	struct dentry *parent = READ_ONCE(dentry->d_parent);

	dentry->d_fsdata = (void *)READ_ONCE(VBOXSF_I(d_inode(parent))->version);
	WRITE_ONCE(dentry->d_time, jiffies);
}

/**
 * vboxsf_entry_expire() - Ask before a name is trusted again.
 * @dentry:	Name.
 *
 * Context: Any.
 */
void vboxsf_entry_expire(struct dentry *dentry)
{
	WRITE_ONCE(dentry->d_time, jiffies - VBOXSF_SB(dentry->d_sb)->entry_ttl - 1);
}

static bool entry_is_fresh(const struct dentry *dentry)
{
	const struct vboxsf_sb *sbi = VBOXSF_SB(dentry->d_sb);
	unsigned long asked = READ_ONCE(dentry->d_time);

	return time_before(jiffies, asked + READ_ONCE(sbi->entry_ttl)) &&
	       time_after_eq(asked, READ_ONCE(sbi->epoch));
}

/* A name that does not exist, in a directory that is as it was. */
static bool negative_is_fresh(struct dentry *dentry)
{
	struct inode *dir = d_inode_rcu(READ_ONCE(dentry->d_parent));

	return dir && entry_is_fresh(dentry) &&
	       dentry->d_fsdata == (void *)READ_ONCE(VBOXSF_I(dir)->version);
}

static int vboxsf_d_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = d_inode_rcu(dentry);
	struct dentry *parent;
	struct shfl_info info;
	u64 change;
	int ret;

	if (!inode) {
		/* Creating will tell, and so will renaming. */
		if (flags & (LOOKUP_CREATE | LOOKUP_RENAME_TARGET) && !(flags & LOOKUP_REVAL))
			return 1;
		return negative_is_fresh(dentry) && !(flags & LOOKUP_REVAL);
	}
	if (!(flags & LOOKUP_REVAL)) {
		if (entry_is_fresh(dentry))
			return 1;
		/* Opening will tell; if it is something else by then, we are asked with REVAL. */
		if (flags & LOOKUP_OPEN && !(flags & LOOKUP_EXCL) &&
		    (S_ISREG(READ_ONCE(inode->i_mode)) || S_ISDIR(READ_ONCE(inode->i_mode))))
			return 1;
	}
	if (flags & LOOKUP_RCU)
		return -ECHILD;

	change = vboxsf_inode_change(inode);
	ret = vboxsf_shfl_lookup(VBOXSF_SB(dentry->d_sb), dentry, &info);
	if (ret)
		return ret == -ENOENT || ret == -ESTALE ? 0 : ret;
	if (!vboxsf_inode_same(inode, &info))
		return 0;
	vboxsf_inode_update(inode, &info, change);
	vboxsf_entry_fresh(dentry);
	WRITE_ONCE(VBOXSF_I(inode)->checked_by, current);
	ret = vboxsf_drop_stale_pages(inode);
	if (ret)
		return ret;
	/* Who changes the directory holds the lock himself, and asks for one name. */
	parent = dget_parent(dentry);
	if (inode_trylock_shared(d_inode(parent))) {
		vboxsf_dir_asked(parent);
		inode_unlock_shared(d_inode(parent));
	}
	dput(parent);
	return 1;
}

/* The root, when it is reached by its mount point alone. */
static int vboxsf_d_weak_revalidate(struct dentry *dentry, unsigned int flags)
{
	return 1;
}

const struct dentry_operations vboxsf_dentry_ops = {
	.d_revalidate = vboxsf_d_revalidate,
	.d_weak_revalidate = vboxsf_d_weak_revalidate,
};

/* Make a dentry stand for what the host told of it. Consumes nothing. */
static struct dentry *entry_found(struct inode *dir, struct dentry *dentry,
				  const struct shfl_info *info)
{
	struct inode *inode = vboxsf_inode_get(dir->i_sb, dir, &dentry->d_name, info);
	struct dentry *alias;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	vboxsf_drop_stale_pages(inode);
	WRITE_ONCE(VBOXSF_I(inode)->checked_by, current);
	alias = d_splice_alias(inode, dentry);
	if (!IS_ERR(alias))
		vboxsf_entry_fresh(alias ? alias : dentry);
	return alias;
}

static struct dentry *vboxsf_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dentry *found;
	struct shfl_info info;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	/* It is created at once, and told then whether it exists. */
	if (flags & LOOKUP_CREATE && flags & LOOKUP_EXCL && !(flags & LOOKUP_OPEN)) {
		d_add(dentry, NULL);
		vboxsf_entry_expire(dentry);
		return NULL;
	}
	WRITE_ONCE(VBOXSF_I(dir)->looked_up, true);
	ret = vboxsf_shfl_lookup(VBOXSF_SB(dir->i_sb), dentry, &info);
	if (ret == -ENOENT) {
		d_add(dentry, NULL);
		vboxsf_entry_fresh(dentry);
		return NULL;
	}
	if (ret)
		return ERR_PTR(ret);
	found = entry_found(dir, dentry, &info);
	if (!IS_ERR(found))
		vboxsf_dir_asked(dentry->d_parent);
	return found;
}

/*
 * A host that opens what a link leads to, although it was told to show links, would make a link
 * look like a file when it is opened unseen. Ours does not.
 */
static bool opens_unseen(const struct vboxsf_sb *sbi)
{
	return sbi->features & SHFL_EXT_FEATURE_CHANGES && !vboxsf_follow_symlinks;
}

/* A name was created: make its inode. The handle is closed if that fails. */
static int entry_created(struct inode *dir, struct dentry *dentry, const struct shfl_info *info,
			 struct inode **inodep)
{
	struct inode *inode = vboxsf_inode_get(dir->i_sb, dir, &dentry->d_name, info);

	vboxsf_dir_changed(dir);
	if (!inode) {
		d_drop(dentry);
		return -ENOMEM;
	}
	*inodep = inode;
	return 0;
}

static int vboxsf_atomic_open(struct inode *dir, struct dentry *dentry, struct file *file,
			      unsigned int open_flags, umode_t mode)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	struct dentry *found = NULL, *target;
	struct vboxsf_handle *handle;
	struct vboxsf_file *vf;
	struct vboxsf_req *req;
	struct inode *inode;
	u32 flags, result, generation;
	u64 id;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	if (d_in_lookup(dentry) && !opens_unseen(sbi)) {
		found = vboxsf_lookup(dir, dentry, 0);
		if (IS_ERR(found))
			return PTR_ERR(found);
		target = found ? found : dentry;
		if (d_really_is_positive(target) || !(open_flags & O_CREAT))
			return finish_no_open(file, found);
		dput(found);
		found = NULL;
	}

	req = vboxsf_req_alloc();
	if (!req)
		return -ENOMEM;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (ret)
		goto free_req;
	/* Truncating what exists is left to the VFS, which checks permissions first. */
	flags = vboxsf_open_flags(dir, open_flags);
	if (!(open_flags & O_CREAT))
		flags |= SHFL_CF_FAIL_IF_NEW;
	else if (open_flags & O_EXCL)
		flags |= SHFL_CF_FAIL_IF_EXISTS;
	ret = vboxsf_shfl_create(sbi, req, flags, S_IFREG | (mode & 0777), &generation);
	/* A read-only share refuses to create even what exists. */
	if (ret == -EROFS && open_flags & O_CREAT && !(open_flags & O_EXCL)) {
		flags = (flags & ~SHFL_CF_WRITE) | SHFL_CF_FAIL_IF_NEW;
		ret = vboxsf_shfl_create(sbi, req, flags, 0, &generation);
		if (ret == -ENOENT)
			ret = -EROFS;
	}
	/* A link, or no permission for the access the handle should have beyond the program's. */
	if (ret == -ELOOP || ret == -EACCES || ret == -EISDIR) {
		if (!d_in_lookup(dentry))
			goto free_req;
		found = vboxsf_lookup(dir, dentry, 0);
		ret = PTR_ERR_OR_ZERO(found);
		if (!ret)
			ret = finish_no_open(file, found);
		goto free_req;
	}
	if (ret == -ENOENT && d_in_lookup(dentry)) {
		d_add(dentry, NULL);
		vboxsf_entry_fresh(dentry);
	}
	if (ret)
		goto free_req;

	id = le64_to_cpu(req->create.handle);
	result = le32_to_cpu(req->create.result);
	if (result == SHFL_FILE_CREATED)
		vboxsf_dir_changed(dir);
	inode = vboxsf_inode_get(dir->i_sb, dir, &dentry->d_name, &req->create.info);
	if (!inode) {
		vboxsf_handle_abandon(sbi, id, generation);
		ret = -ENOMEM;
		goto free_req;
	}
	vboxsf_drop_stale_pages(inode);
	handle = NULL;
	if (S_ISREG(inode->i_mode))
		handle = vboxsf_handle_new(inode, id, generation, flags &
					   (SHFL_CF_READ | SHFL_CF_WRITE | SHFL_CF_APPEND));
	else
		vboxsf_handle_abandon(sbi, id, generation);

	/* The VFS gave us a name that is being looked up, or one that did not exist. */
	if (!d_in_lookup(dentry))
		d_drop(dentry);
	found = d_splice_alias(inode, dentry);
	if (IS_ERR(found)) {
		/* Only for directories, which have no handle here. */
		ret = PTR_ERR(found);
		goto free_req;
	}
	target = found ? found : dentry;
	vboxsf_entry_fresh(target);
	if (!handle) {
		ret = S_ISREG(d_inode(target)->i_mode) ? -ENOMEM : finish_no_open(file, found);
		goto free_req;
	}
	vf = vboxsf_file_alloc(handle);
	if (!vf) {
		ret = -ENOMEM;
		goto put_found;
	}
	if (result == SHFL_FILE_CREATED)
		file->f_mode |= FMODE_CREATED;
	file->private_data = vf;
	ret = finish_open(file, target, vboxsf_file_adopt);
	if (ret)
		vboxsf_file_free(vf);
put_found:
	dput(found);
free_req:
	vboxsf_req_free(req);
	return ret;
}

/* Create something and let go of the handle. */
static int create_and_close(struct inode *dir, struct dentry *dentry, umode_t mode, u32 flags)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	struct vboxsf_handle *handle;
	struct vboxsf_req *req;
	struct shfl_info info;
	struct inode *inode;
	u32 generation;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	req = vboxsf_req_alloc();
	if (!req)
		return -ENOMEM;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (!ret)
		ret = vboxsf_shfl_create(sbi, req, flags | SHFL_CF_FAIL_IF_EXISTS, mode,
					 &generation);
	if (ret)
		goto out;
	info = req->create.info;
	ret = entry_created(dir, dentry, &info, &inode);
	if (ret) {
		vboxsf_handle_abandon(sbi, le64_to_cpu(req->create.handle), generation);
		goto out;
	}
	handle = vboxsf_handle_new(inode, le64_to_cpu(req->create.handle), generation,
				   flags & SHFL_CF_DIRECTORY);
	/* The host's own mask may have left more than was asked for. */
	if (handle && le32_to_cpu(info.mode) & 0777 & ~mode) {
		u64 change = vboxsf_inode_change(inode);

		memset(&info, 0, sizeof(info));
		info.mode = cpu_to_le32(mode);
		if (!vboxsf_shfl_info(handle, SHFL_INFO_SET | SHFL_INFO_FILE, &info))
			vboxsf_inode_update(inode, &info, change);
	}
	vboxsf_handle_put(handle);
	if (S_ISDIR(mode))
		inc_nlink(dir);
	d_instantiate(dentry, inode);
	vboxsf_entry_fresh(dentry);
out:
	if (ret == -EEXIST) {
		vboxsf_dir_changed(dir);
		d_drop(dentry);
	}
	vboxsf_req_free(req);
	return ret;
}

static int vboxsf_create(struct vboxsf_idmap *idmap, struct inode *dir, struct dentry *dentry,
			 umode_t mode, bool excl)
{
	return create_and_close(dir, dentry, S_IFREG | (mode & 0777),
				SHFL_CF_READ | SHFL_CF_WRITE);
}

static int vboxsf_mkdir(struct vboxsf_idmap *idmap, struct inode *dir, struct dentry *dentry,
			umode_t mode)
{
	return create_and_close(dir, dentry, S_IFDIR | (mode & 0777),
				SHFL_CF_DIRECTORY | SHFL_CF_READ);
}

static int vboxsf_symlink(struct vboxsf_idmap *idmap, struct inode *dir, struct dentry *dentry,
			  const char *target)
{
	struct shfl_info info;
	struct inode *inode;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	ret = vboxsf_shfl_symlink(VBOXSF_SB(dir->i_sb), dentry, target, &info);
	if (!ret)
		ret = entry_created(dir, dentry, &info, &inode);
	if (ret) {
		if (ret == -EEXIST)
			d_drop(dentry);
		return ret;
	}
	d_instantiate(dentry, inode);
	vboxsf_entry_fresh(dentry);
	return 0;
}

static int vboxsf_link(struct dentry *old_dentry, struct inode *dir, struct dentry *dentry)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	struct inode *inode = d_inode(old_dentry);
	u64 change = vboxsf_inode_change(inode);
	struct shfl_info info;
	int ret;

	if (!(sbi->features & SHFL_EXT_FEATURE_LINKS))
		return -EOPNOTSUPP;
	if (dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	ret = vboxsf_shfl_link(sbi, old_dentry, dentry, &info);
	if (ret == -EEXIST)
		d_drop(dentry);
	if (ret == -ENOENT)
		vboxsf_entry_expire(old_dentry);
	if (ret)
		return ret;
	vboxsf_dir_changed(dir);
	vboxsf_inode_own_meta(inode, false);
	if (!vboxsf_inode_same(inode, &info)) {
		/* Somebody on the host has put something else there: the new name is of that. */
		vboxsf_entry_expire(old_dentry);
		d_drop(dentry);
		return 0;
	}
	vboxsf_inode_update(inode, &info, change);
	ihold(inode);
	d_instantiate(dentry, inode);
	vboxsf_entry_fresh(dentry);
	return 0;
}

static int remove(struct inode *dir, struct dentry *dentry, u32 flags)
{
	struct inode *inode = d_inode(dentry);
	int ret;

	vboxsf_handle_put(vboxsf_idle_take(inode));
	ret = vboxsf_shfl_remove(VBOXSF_SB(dir->i_sb), dentry, flags);
	if (ret == -ENOENT) {
		/* Somebody on the host was faster. */
		vboxsf_dir_changed(dir);
		vboxsf_entry_expire(dentry);
	}
	if (ret)
		return ret;
	vboxsf_dir_changed(dir);
	vboxsf_inode_own_meta(inode, false);
	return 0;
}

static int vboxsf_unlink(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	int ret;

	ret = remove(dir, dentry, S_ISLNK(inode->i_mode) ? SHFL_REMOVE_FILE | SHFL_REMOVE_SYMLINK :
							   SHFL_REMOVE_FILE);
	if (!ret && inode->i_nlink)
		drop_nlink(inode);
	return ret;
}

static int vboxsf_rmdir(struct inode *dir, struct dentry *dentry)
{
	int ret = remove(dir, dentry, SHFL_REMOVE_DIR);

	if (!ret) {
		clear_nlink(d_inode(dentry));
		if (dir->i_nlink > 1)
			drop_nlink(dir);
	}
	return ret;
}

static int vboxsf_rename(struct vboxsf_idmap *idmap, struct inode *old_dir,
			 struct dentry *old_dentry, struct inode *new_dir,
			 struct dentry *new_dentry, unsigned int flags)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(old_dir->i_sb);
	struct inode *inode = d_inode(old_dentry), *over = d_inode(new_dentry);
	u32 wire = S_ISDIR(inode->i_mode) ? SHFL_RENAME_DIR : SHFL_RENAME_FILE;
	int ret;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (new_dentry->d_name.len > NAME_MAX)
		return -ENAMETOOLONG;
	if (!(flags & RENAME_NOREPLACE))
		wire |= SHFL_RENAME_REPLACE;
	ret = vboxsf_shfl_rename(sbi, old_dentry, new_dentry, wire);
	/* VirtualBox's own service does not replace directories, not even empty ones. */
	if (ret == -EEXIST && over && S_ISDIR(over->i_mode) && S_ISDIR(inode->i_mode) &&
	    !(flags & RENAME_NOREPLACE)) {
		ret = vboxsf_shfl_remove(sbi, new_dentry, SHFL_REMOVE_DIR);
		if (!ret)
			ret = vboxsf_shfl_rename(sbi, old_dentry, new_dentry, wire);
	}
	vboxsf_dir_changed(old_dir);
	vboxsf_dir_changed(new_dir);
	if (ret) {
		if (ret == -ENOENT)
			vboxsf_entry_expire(old_dentry);
		return ret;
	}
	vboxsf_inode_own_meta(inode, false);
	if (over) {
		vboxsf_inode_own_meta(over, false);
		if (S_ISDIR(over->i_mode))
			clear_nlink(over);
		else if (over->i_nlink)
			drop_nlink(over);
	}
	if (S_ISDIR(inode->i_mode) && old_dir != new_dir) {
		if (old_dir->i_nlink > 1)
			drop_nlink(old_dir);
		inc_nlink(new_dir);
	}
	vboxsf_entry_fresh(old_dentry);
	return 0;
}

const struct inode_operations vboxsf_dir_iops = {
	.lookup = vboxsf_lookup,
	.atomic_open = vboxsf_atomic_open,
	.create = vboxsf_create,
	.mkdir = vboxsf_mkdir,
	.symlink = vboxsf_symlink,
	.link = vboxsf_link,
	.unlink = vboxsf_unlink,
	.rmdir = vboxsf_rmdir,
	.rename = vboxsf_rename,
	.getattr = vboxsf_getattr,
	.setattr = vboxsf_setattr,
	.permission = vboxsf_permission,
};

const struct inode_operations vboxsf_symlink_iops = {
	.get_link = page_get_link,
	.getattr = vboxsf_getattr,
	.setattr = vboxsf_setattr,
};
