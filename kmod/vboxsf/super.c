// SPDX-License-Identifier: GPL-2.0-only
/*
 * vboxsf: the file system of VirtualBox shared folders. Mounting, remounting, unmounting, statfs,
 * and the module. It takes the place of the kernel's own vboxsf and works with OpenHGCM's vboxguest
 * only, whose asynchronous calls it uses.
 */
#include <linux/backing-dev.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <openhgcm/version.h>

#include "vboxsf.h"

bool vboxsf_follow_symlinks;
module_param_named(follow_symlinks, vboxsf_follow_symlinks, bool, 0444);
MODULE_PARM_DESC(follow_symlinks, "Let the host resolve symlinks rather than showing them");

/* How long volume information is kept. */
#define STATFS_TTL	HZ

static int vboxsf_statfs(struct dentry *dentry, struct kstatfs *stat)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dentry->d_sb);
	struct shfl_volume volume;
	int ret = 0;
	u32 unit;

	mutex_lock(&sbi->statfs_lock);
	if (!sbi->volume_time || !time_before(jiffies, sbi->volume_time + STATFS_TTL)) {
		ret = vboxsf_shfl_volume(sbi, &volume);
		if (!ret) {
			sbi->volume = volume;
			sbi->volume_time = jiffies ? jiffies : 1;
		}
	}
	volume = sbi->volume;
	mutex_unlock(&sbi->statfs_lock);
	if (ret)
		return ret;

	unit = le32_to_cpu(volume.unit);
	if (!is_power_of_2(unit) || unit < 512 || unit > SZ_16M)
		unit = PAGE_SIZE;
	stat->f_type = VBOXSF_SUPER_MAGIC;
	stat->f_bsize = unit;
	stat->f_frsize = unit;
	stat->f_blocks = div_u64(le64_to_cpu(volume.total), unit);
	stat->f_bfree = div_u64(le64_to_cpu(volume.available), unit);
	stat->f_bavail = stat->f_bfree;
	/* The protocol does not tell; programs want to see that there is room. */
	stat->f_files = 1000000;
	stat->f_ffree = 1000000;
	stat->f_namelen = NAME_MAX;
	stat->f_fsid.val[0] = le32_to_cpu(volume.serial);
	stat->f_fsid.val[1] = dentry->d_sb->s_dev;
	return 0;
}

static int vboxsf_show_options(struct seq_file *seq, struct dentry *root)
{
	vboxsf_options_show(seq, &VBOXSF_SB(root->d_sb)->o);
	return 0;
}

/* umount -f: what the host does not answer is given up. */
static void vboxsf_umount_begin(struct super_block *sb)
{
	vboxsf_calls_give_up(VBOXSF_SB(sb));
}

static const struct super_operations vboxsf_super_ops = {
	.alloc_inode = vboxsf_inode_alloc,
	.free_inode = vboxsf_inode_free,
	.evict_inode = vboxsf_inode_evict,
	.statfs = vboxsf_statfs,
	.show_options = vboxsf_show_options,
	.umount_begin = vboxsf_umount_begin,
};

static void apply_options(struct vboxsf_sb *sbi)
{
	WRITE_ONCE(sbi->entry_ttl, vboxsf_options_ttl(&sbi->o, sbi->o.entry_ttl));
	WRITE_ONCE(sbi->attr_ttl, vboxsf_options_ttl(&sbi->o, sbi->o.attr_ttl));
	WRITE_ONCE(sbi->epoch, jiffies);
	if (sbi->sb->s_bdi) {
		sbi->sb->s_bdi->ra_pages = sbi->o.io_pages;
		sbi->sb->s_bdi->io_pages = sbi->o.io_pages;
	}
}

static struct vboxsf_sb *sb_new(struct super_block *sb, struct fs_context *fc)
{
	struct vboxsf_options *o = fc->fs_private;
	struct vboxsf_sb *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);

	if (!sbi)
		return NULL;
	sbi->share = kstrdup(fc->source, GFP_KERNEL);
	if (!sbi->share) {
		kfree(sbi);
		return NULL;
	}
	sbi->sb = sb;
	sbi->o = *o;
	/* Ours now. */
	o->nls = NULL;
	mutex_init(&sbi->client_lock);
	mutex_init(&sbi->statfs_lock);
	vboxsf_calls_init(sbi);
	vboxsf_notify_init(sbi);
	vboxsf_idle_init(sbi);
	return sbi;
}

static struct dentry *make_root(struct super_block *sb)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(sb);
	struct vboxsf_req *req = vboxsf_req_alloc();
	struct inode *inode = NULL;
	int ret;

	if (!req)
		return ERR_PTR(-ENOMEM);
	ret = vboxsf_req_text(req, NULL, "/");
	if (!ret)
		ret = vboxsf_shfl_create(sbi, req, SHFL_CF_LOOKUP | SHFL_CF_FAIL_IF_NEW, 0, NULL);
	if (!ret && !S_ISDIR(le32_to_cpu(req->create.info.mode)))
		ret = -ENOTDIR;
	if (!ret) {
		if (le32_to_cpu(req->create.info.additional) == SHFL_ADDITIONAL_UNIX)
			sbi->root_dev = le32_to_cpu(req->create.info.dev);
		inode = vboxsf_inode_get(sb, NULL, NULL, &req->create.info);
		ret = inode ? 0 : -ENOMEM;
	}
	vboxsf_req_free(req);
	return ret ? ERR_PTR(ret) : d_make_root(inode);
}

static int vboxsf_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct vboxsf_sb *sbi;
	struct dentry *root;
	int ret;

	sbi = sb_new(sb, fc);
	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	sb->s_magic = VBOXSF_SUPER_MAGIC;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	sb->s_op = &vboxsf_super_ops;
	sb->s_d_op = &vboxsf_dentry_ops;
	sb->s_flags |= SB_NOSEC;

	ret = super_setup_bdi(sb);
	if (ret)
		return ret;
	apply_options(sbi);
	ret = vboxsf_client_start(sbi, fc);
	if (ret)
		return ret;
	if (!(sbi->map_info & SHFL_MIF_WRITABLE) && !sb_rdonly(sb)) {
		infof(fc, "vboxsf: share '%s' is read-only", sbi->share);
		sb->s_flags |= SB_RDONLY;
	}
	root = make_root(sb);
	if (IS_ERR(root)) {
		ret = PTR_ERR(root);
		if (ret == -ESTALE || ret == -ENOENT)
			errorf(fc, "vboxsf: the folder of share '%s' is missing on the host",
			       sbi->share);
		return ret;
	}
	if (!root)
		return -ENOMEM;
	sb->s_root = root;
	vboxsf_entry_fresh(root);
	return 0;
}

static void vboxsf_kill_sb(struct super_block *sb)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(sb);

	if (sbi) {
		/* These hold inodes. */
		vboxsf_notify_stop(sbi);
		vboxsf_calls_cancel_left(sbi);
		vboxsf_calls_wait(sbi);
	}
	kill_anon_super(sb);
	if (!sbi)
		return;
	vboxsf_idle_stop(sbi);
	vboxsf_calls_wait(sbi);
	vboxsf_client_stop(sbi);
	vboxsf_options_free(&sbi->o);
	kfree(sbi->share);
	kfree(sbi);
}

static int vboxsf_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	if (!strcmp(param->key, "source") && param->type == fs_value_is_string) {
		if (fc->source)
			return invalf(fc, "vboxsf: more than one share is named");
		if (!*param->string || strlen(param->string) >= SHFL_MAX_NAME)
			return invalf(fc, "vboxsf: the name of a share has 1 to %d bytes",
				      SHFL_MAX_NAME - 1);
		fc->source = param->string;
		param->string = NULL;
		return 0;
	}
	return vboxsf_options_parse(fc, param, fc->fs_private);
}

static int vboxsf_parse_monolithic(struct fs_context *fc, void *data)
{
	if (data && vboxsf_options_is_binary(data))
		return vboxsf_options_binary(fc, data, fc->fs_private);
	return generic_parse_monolithic(fc, data);
}

static int vboxsf_get_tree(struct fs_context *fc)
{
	if (!fc->source)
		return invalf(fc, "vboxsf: the name of the share is missing");
	return get_tree_nodev(fc, vboxsf_fill_super);
}

static int vboxsf_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct vboxsf_options *o = fc->fs_private;
	struct vboxsf_sb *sbi = VBOXSF_SB(sb);

	if (!(fc->sb_flags & SB_RDONLY) && fc->sb_flags_mask & SB_RDONLY &&
	    !(sbi->map_info & SHFL_MIF_WRITABLE)) {
		errorf(fc, "vboxsf: share '%s' is read-only on the host", sbi->share);
		return -EROFS;
	}
	/* A mode that trusts less must not find anything that was not written. */
	sync_filesystem(sb);
	sbi->o = *o;
	apply_options(sbi);
	return 0;
}

static void vboxsf_free_fc(struct fs_context *fc)
{
	struct vboxsf_options *o = fc->fs_private;

	/* When remounting it is the mount's. */
	if (fc->purpose != FS_CONTEXT_FOR_RECONFIGURE)
		vboxsf_options_free(o);
	kfree(o);
}

static const struct fs_context_operations vboxsf_context_ops = {
	.free = vboxsf_free_fc,
	.parse_param = vboxsf_parse_param,
	.parse_monolithic = vboxsf_parse_monolithic,
	.get_tree = vboxsf_get_tree,
	.reconfigure = vboxsf_reconfigure,
};

static int vboxsf_init_fs_context(struct fs_context *fc)
{
	struct vboxsf_options *o = kmalloc(sizeof(*o), GFP_KERNEL);

	if (!o)
		return -ENOMEM;
	/* Options that a remount does not name stay. */
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE)
		*o = VBOXSF_SB(fc->root->d_sb)->o;
	else
		vboxsf_options_default(o);
	fc->fs_private = o;
	fc->ops = &vboxsf_context_ops;
	return 0;
}

static struct file_system_type vboxsf_fs_type = {
	.owner = THIS_MODULE,
	.name = "vboxsf",
	.init_fs_context = vboxsf_init_fs_context,
	.parameters = vboxsf_parameters,
	.kill_sb = vboxsf_kill_sb,
};

static int __init vboxsf_init(void)
{
	int ret;

	ret = vboxsf_req_init();
	if (ret)
		return ret;
	ret = vboxsf_inode_init_cache();
	if (ret)
		goto exit_req;
	ret = vboxsf_io_init();
	if (ret)
		goto exit_inode;
	ret = register_filesystem(&vboxsf_fs_type);
	if (ret)
		goto exit_io;
	return 0;

exit_io:
	vboxsf_io_exit();
exit_inode:
	vboxsf_inode_exit_cache();
exit_req:
	vboxsf_req_exit();
	return ret;
}

static void __exit vboxsf_exit(void)
{
	unregister_filesystem(&vboxsf_fs_type);
	vboxsf_io_exit();
	vboxsf_inode_exit_cache();
	vboxsf_req_exit();
}

module_init(vboxsf_init);
module_exit(vboxsf_exit);

MODULE_DESCRIPTION("Shared folders of VirtualBox and OpenHGCM");
MODULE_AUTHOR("The OpenHGCM authors");
MODULE_VERSION(OPENHGCM_VERSION);
MODULE_LICENSE("GPL");
MODULE_ALIAS_FS("vboxsf");
