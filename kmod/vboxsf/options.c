// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mount options: those of the kernel's own vboxsf and of VirtualBox's by their names, as a string
 * or as the structure that old mount helpers of VirtualBox pass.
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "vboxsf.h"

enum {
	OPT_CACHE, OPT_DCACHETTL, OPT_DIRBUF, OPT_DMASK, OPT_DMODE, OPT_FMASK, OPT_FMODE, OPT_GID,
	OPT_INODETTL, OPT_MAXIOPAGES, OPT_NLS, OPT_TAG, OPT_TTL, OPT_UID, OPT_UMASK,
};

const struct fs_parameter_spec vboxsf_parameters[] = {
	fsparam_string("cache", OPT_CACHE),
	fsparam_s32("dcachettl", OPT_DCACHETTL),
	fsparam_u32("dirbuf", OPT_DIRBUF),
	fsparam_u32oct("dmask", OPT_DMASK),
	fsparam_u32oct("dmode", OPT_DMODE),
	fsparam_u32oct("fmask", OPT_FMASK),
	fsparam_u32oct("fmode", OPT_FMODE),
	fsparam_u32("gid", OPT_GID),
	fsparam_s32("inodettl", OPT_INODETTL),
	fsparam_string("iocharset", OPT_NLS),
	fsparam_u32("maxiopages", OPT_MAXIOPAGES),
	fsparam_string("nls", OPT_NLS),
	fsparam_string("tag", OPT_TAG),
	fsparam_s32("ttl", OPT_TTL),
	fsparam_u32("uid", OPT_UID),
	fsparam_u32oct("umask", OPT_UMASK),
	{}
};

static const struct {
	const char *name;
	enum vboxsf_cache cache;
} cache_names[] = {
	/* The first name of each mode is the one that is shown. */
	{ "none", VBOXSF_CACHE_NONE },
	{ "strict", VBOXSF_CACHE_STRICT },
	{ "auto", VBOXSF_CACHE_AUTO },
	{ "always", VBOXSF_CACHE_ALWAYS },
	/* VirtualBox's names. */
	{ "default", VBOXSF_CACHE_AUTO },
	{ "read", VBOXSF_CACHE_AUTO },
	{ "readwrite", VBOXSF_CACHE_AUTO },
};

/**
 * vboxsf_options_default() - Options of a mount that names none.
 * @o:		Options to initialise.
 *
 * Context: Process context; files belong to the current task's user.
 */
void vboxsf_options_default(struct vboxsf_options *o)
{
	memset(o, 0, sizeof(*o));
	o->uid = current_uid();
	o->gid = current_gid();
	o->dmode = VBOXSF_MODE_UNSET;
	o->fmode = VBOXSF_MODE_UNSET;
	o->entry_ttl = VBOXSF_TTL_UNSET;
	o->attr_ttl = VBOXSF_TTL_UNSET;
	o->cache = VBOXSF_CACHE_AUTO;
	o->io_pages = VBOXSF_IO_PAGES;
	o->dir_buffer = VBOXSF_DIR_BUFFER;
}

/**
 * vboxsf_options_free() - Let go of what options hold.
 * @o:		Options.
 *
 * Context: Any.
 */
void vboxsf_options_free(struct vboxsf_options *o)
{
	unload_nls(o->nls);
	o->nls = NULL;
}

static int set_nls(struct fs_context *fc, struct vboxsf_options *o, const char *name)
{
	struct nls_table *nls = NULL;

	/* What the host speaks needs no conversion. */
	if (*name && strcmp(name, "utf8")) {
		nls = load_nls((char *)name);
		if (!nls)
			return invalf(fc, "vboxsf: character set '%s' is not known", name);
	}
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE && nls != o->nls) {
		unload_nls(nls);
		return invalf(fc, "vboxsf: the character set cannot be changed");
	}
	unload_nls(o->nls);
	o->nls = nls;
	return 0;
}

static int set_cache(struct fs_context *fc, struct vboxsf_options *o, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cache_names); i++) {
		if (!strcmp(name, cache_names[i].name)) {
			o->cache = cache_names[i].cache;
			return 0;
		}
	}
	return invalf(fc, "vboxsf: cache=%s: one of none, strict, auto, always", name);
}

static int set_ids(struct fs_context *fc, struct vboxsf_options *o, const u32 *uid, const u32 *gid)
{
	if (uid) {
		o->uid = make_kuid(fc->user_ns, *uid);
		if (!uid_valid(o->uid))
			return invalf(fc, "vboxsf: uid=%u is not valid", *uid);
	}
	if (gid) {
		o->gid = make_kgid(fc->user_ns, *gid);
		if (!gid_valid(o->gid))
			return invalf(fc, "vboxsf: gid=%u is not valid", *gid);
	}
	return 0;
}

static int set_mode(struct fs_context *fc, umode_t *mode, const char *name, u32 value, u32 max)
{
	if (value > max)
		return invalf(fc, "vboxsf: %s=%o is more than %o", name, value, max);
	*mode = value;
	return 0;
}

static int set_ttl(struct fs_context *fc, int *ttl, int value)
{
	if (value < VBOXSF_TTL_UNSET || value > VBOXSF_TTL_MAX_MS)
		return invalf(fc, "vboxsf: time-out %d is not between -1 and %d", value,
			      VBOXSF_TTL_MAX_MS);
	*ttl = value;
	return 0;
}

static void set_io_pages(struct vboxsf_options *o, u32 value)
{
	if (value)
		o->io_pages = clamp_t(u32, value, 2, VBOXSF_IO_PAGES_MAX);
}

static void set_dir_buffer(struct vboxsf_options *o, u32 value)
{
	if (value)
		o->dir_buffer = PAGE_ALIGN(clamp_t(u32, value, PAGE_SIZE, VBOXSF_DIR_BUFFER_MAX));
}

/**
 * vboxsf_options_parse() - fs_context_operations.parse_param.
 * @fc:		Context.
 * @param:	Parameter.
 * @o:		Options.
 *
 * Context: Process context.
 * Return: 0 or an error, with a message in the context.
 */
int vboxsf_options_parse(struct fs_context *fc, struct fs_parameter *param,
			 struct vboxsf_options *o)
{
	struct fs_parse_result result;
	int opt, ret;

	opt = fs_parse(fc, vboxsf_parameters, param, &result);
	if (opt < 0)
		return opt;
	switch (opt) {
	case OPT_CACHE:
		return set_cache(fc, o, param->string);
	case OPT_DCACHETTL:
		return set_ttl(fc, &o->entry_ttl, result.int_32);
	case OPT_INODETTL:
		return set_ttl(fc, &o->attr_ttl, result.int_32);
	case OPT_TTL:
		ret = set_ttl(fc, &o->entry_ttl, result.int_32);
		return ret ? ret : set_ttl(fc, &o->attr_ttl, result.int_32);
	case OPT_DIRBUF:
		set_dir_buffer(o, result.uint_32);
		return 0;
	case OPT_MAXIOPAGES:
		set_io_pages(o, result.uint_32);
		return 0;
	case OPT_DMASK:
		return set_mode(fc, &o->dmask, "dmask", result.uint_32, 07777);
	case OPT_FMASK:
		return set_mode(fc, &o->fmask, "fmask", result.uint_32, 07777);
	case OPT_UMASK:
		ret = set_mode(fc, &o->dmask, "umask", result.uint_32, 07777);
		return ret ? ret : set_mode(fc, &o->fmask, "umask", result.uint_32, 07777);
	case OPT_DMODE:
		return set_mode(fc, &o->dmode, "dmode", result.uint_32, 0777);
	case OPT_FMODE:
		return set_mode(fc, &o->fmode, "fmode", result.uint_32, 0777);
	case OPT_UID:
		return set_ids(fc, o, &result.uint_32, NULL);
	case OPT_GID:
		return set_ids(fc, o, NULL, &result.uint_32);
	case OPT_NLS:
		return set_nls(fc, o, param->string);
	case OPT_TAG:
		if (strscpy(o->tag, param->string, sizeof(o->tag)) < 0)
			return invalf(fc, "vboxsf: the tag is longer than %zu bytes",
				      sizeof(o->tag) - 1);
		return 0;
	default:
		return -EINVAL;
	}
}

/* The structure of old mount helpers; shorter ones lack the last members. */
struct binary_options {
	u8 signature[4];
	__le32 length;
	char name[256];
	char nls[32];
	__le32 uid;
	__le32 gid;
	__le32 ttl;
	__le32 dmode;
	__le32 fmode;
	__le32 dmask;
	__le32 fmask;
	char tag[32];
	__le32 io_pages;
	__le32 dir_buffer;
	__le32 entry_ttl;
	__le32 attr_ttl;
	__le32 cache;
} __packed;

static_assert(sizeof(struct binary_options) == 376);

/**
 * vboxsf_options_is_binary() - Is mount data the structure of old helpers?
 * @data:	Mount data, a page.
 *
 * Context: Any.
 * Return: true if so.
 */
bool vboxsf_options_is_binary(const u8 *data)
{
	return !data[0] && data[1] == 0xff && data[2] == 0xfe && data[3] == 0xfd;
}

/**
 * vboxsf_options_binary() - Take over mount data that is a structure.
 * @fc:		Context; gets the name of the share as its source.
 * @data:	Mount data, a page.
 * @o:		Options.
 *
 * Context: Process context.
 * Return: 0 or an error, with a message in the context.
 */
int vboxsf_options_binary(struct fs_context *fc, const u8 *data, struct vboxsf_options *o)
{
	const struct binary_options *from = (const void *)data;
	u32 length = le32_to_cpu(from->length), uid, gid;
	struct binary_options b;
	int ret;

	if (length < offsetof(struct binary_options, ttl) || length > PAGE_SIZE)
		return invalf(fc, "vboxsf: mount data of %u bytes", length);
	/* What is missing means the default. */
	memset(&b, 0, sizeof(b));
	b.ttl = cpu_to_le32(VBOXSF_TTL_UNSET);
	b.entry_ttl = b.ttl;
	b.attr_ttl = b.ttl;
	b.dmode = cpu_to_le32(~0);
	b.fmode = b.dmode;
	memcpy(&b, from, min_t(u32, length, sizeof(b)));
	b.name[sizeof(b.name) - 1] = 0;
	b.nls[sizeof(b.nls) - 1] = 0;
	b.tag[sizeof(b.tag) - 1] = 0;

	if (b.name[0]) {
		char *name = kstrdup(b.name, GFP_KERNEL);

		if (!name)
			return -ENOMEM;
		kfree(fc->source);
		fc->source = name;
	}
	uid = le32_to_cpu(b.uid);
	gid = le32_to_cpu(b.gid);
	ret = set_ids(fc, o, &uid, &gid);
	if (!ret)
		ret = set_nls(fc, o, b.nls);
	if (!ret)
		ret = set_ttl(fc, &o->entry_ttl, (s32)le32_to_cpu(b.ttl));
	if (ret)
		return ret;
	o->attr_ttl = o->entry_ttl;
	if ((s32)le32_to_cpu(b.entry_ttl) >= 0)
		ret = set_ttl(fc, &o->entry_ttl, le32_to_cpu(b.entry_ttl));
	if (!ret && (s32)le32_to_cpu(b.attr_ttl) >= 0)
		ret = set_ttl(fc, &o->attr_ttl, le32_to_cpu(b.attr_ttl));
	if (!ret && b.dmode != cpu_to_le32(~0))
		ret = set_mode(fc, &o->dmode, "dmode", le32_to_cpu(b.dmode), 0777);
	if (!ret && b.fmode != cpu_to_le32(~0))
		ret = set_mode(fc, &o->fmode, "fmode", le32_to_cpu(b.fmode), 0777);
	if (!ret)
		ret = set_mode(fc, &o->dmask, "dmask", le32_to_cpu(b.dmask), 07777);
	if (!ret)
		ret = set_mode(fc, &o->fmask, "fmask", le32_to_cpu(b.fmask), 07777);
	if (ret)
		return ret;
	strscpy(o->tag, b.tag, sizeof(o->tag));
	set_io_pages(o, le32_to_cpu(b.io_pages));
	set_dir_buffer(o, le32_to_cpu(b.dir_buffer));
	/* 0 default, 1 none, 2 strict, 3 read, 4 readwrite */
	if (le32_to_cpu(b.cache) == 1)
		o->cache = VBOXSF_CACHE_NONE;
	else if (le32_to_cpu(b.cache) == 2)
		o->cache = VBOXSF_CACHE_STRICT;
	return 0;
}

/**
 * vboxsf_options_show() - super_operations.show_options.
 * @seq:	Where to.
 * @o:		Options.
 *
 * Context: Process context.
 */
void vboxsf_options_show(struct seq_file *seq, const struct vboxsf_options *o)
{
	seq_printf(seq, ",uid=%u,gid=%u", from_kuid_munged(&init_user_ns, o->uid),
		   from_kgid_munged(&init_user_ns, o->gid));
	if (o->entry_ttl != VBOXSF_TTL_UNSET && o->entry_ttl == o->attr_ttl) {
		seq_printf(seq, ",ttl=%d", o->entry_ttl);
	} else {
		if (o->entry_ttl != VBOXSF_TTL_UNSET)
			seq_printf(seq, ",dcachettl=%d", o->entry_ttl);
		if (o->attr_ttl != VBOXSF_TTL_UNSET)
			seq_printf(seq, ",inodettl=%d", o->attr_ttl);
	}
	if (o->dmode != VBOXSF_MODE_UNSET)
		seq_printf(seq, ",dmode=0%o", o->dmode);
	if (o->fmode != VBOXSF_MODE_UNSET)
		seq_printf(seq, ",fmode=0%o", o->fmode);
	if (o->dmask)
		seq_printf(seq, ",dmask=0%o", o->dmask);
	if (o->fmask)
		seq_printf(seq, ",fmask=0%o", o->fmask);
	seq_printf(seq, ",cache=%s", cache_names[o->cache].name);
	if (o->io_pages != VBOXSF_IO_PAGES)
		seq_printf(seq, ",maxiopages=%u", o->io_pages);
	if (o->dir_buffer != VBOXSF_DIR_BUFFER)
		seq_printf(seq, ",dirbuf=%u", o->dir_buffer);
	if (o->nls)
		seq_printf(seq, ",nls=%s", o->nls->charset);
	if (o->tag[0]) {
		seq_puts(seq, ",tag=");
		seq_escape(seq, o->tag, " \t\n\\,");
	}
}

/**
 * vboxsf_options_ttl() - A time-out in jiffies.
 * @o:		Options.
 * @ttl:	One of them.
 *
 * Context: Any.
 * Return: The time-out, with the cache mode's default if it is not set.
 */
unsigned long vboxsf_options_ttl(const struct vboxsf_options *o, int ttl)
{
	if (ttl == VBOXSF_TTL_UNSET) {
		switch (o->cache) {
		case VBOXSF_CACHE_AUTO:
			return msecs_to_jiffies(VBOXSF_TTL_AUTO_MS);
		case VBOXSF_CACHE_ALWAYS:
			return msecs_to_jiffies(VBOXSF_TTL_ALWAYS_MS);
		default:
			return 0;
		}
	}
	return msecs_to_jiffies(ttl);
}
