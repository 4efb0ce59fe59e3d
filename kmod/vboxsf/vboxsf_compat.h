/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows that kernels differ. Features are probed (by Kbuild, in the headers),
 * not version numbers.
 */
#ifndef VBOXSF_COMPAT_H
#define VBOXSF_COMPAT_H

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/uio.h>

/* Mounts with mapped ids: what inode operations get as their first argument. */
#ifdef VBOXSF_HAS_MNT_IDMAP
#define vboxsf_idmap	mnt_idmap
#else
#define vboxsf_idmap	user_namespace
#endif

static inline void vboxsf_fillattr(struct vboxsf_idmap *idmap, u32 request_mask,
				   struct inode *inode, struct kstat *stat)
{
#ifdef VBOXSF_HAS_FILLATTR_MASK
	generic_fillattr(idmap, request_mask, inode, stat);
#else
	generic_fillattr(idmap, inode, stat);
#endif
}

/* Fields until 6.6, functions since. */
#ifndef VBOXSF_HAS_MTIME_FUNCTIONS
static inline void inode_set_mtime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_mtime = ts;
}

static inline void inode_set_atime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_atime = ts;
}
#endif

#ifndef VBOXSF_HAS_CTIME_FUNCTIONS
static inline void inode_set_ctime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_ctime = ts;
}
#endif

#ifndef VBOXSF_HAS_FGF
#define fgf_t	unsigned int
#endif

/* NULL in some kernels, an error pointer in others. */
static inline struct folio *vboxsf_get_folio(struct address_space *mapping, pgoff_t index,
					     fgf_t flags)
{
	struct folio *folio;

	folio = __filemap_get_folio(mapping, index, flags, mapping_gfp_mask(mapping));
	return IS_ERR(folio) ? NULL : folio;
}

/* No large folios from now on, of a mapping that is in use. */
static inline void vboxsf_clear_large_folios(struct address_space *mapping)
{
#ifdef AS_FOLIO_ORDER_MASK
	unsigned long flags = READ_ONCE(mapping->flags);

	while (!try_cmpxchg(&mapping->flags, &flags,
			    flags & ~(unsigned long)AS_FOLIO_ORDER_MASK))
		;
#else
	clear_bit(AS_LARGE_FOLIO_SUPPORT, &mapping->flags);
#endif
}

static inline ssize_t vboxsf_generic_splice_read(struct file *in, loff_t *ppos,
						 struct pipe_inode_info *pipe, size_t len,
						 unsigned int flags)
{
#ifdef VBOXSF_HAS_FILEMAP_SPLICE
	return filemap_splice_read(in, ppos, pipe, len, flags);
#else
	return generic_file_splice_read(in, ppos, pipe, len, flags);
#endif
}

static inline ssize_t vboxsf_generic_copy(struct file *in, loff_t pos_in, struct file *out,
					  loff_t pos_out, size_t len)
{
#ifdef VBOXSF_HAS_SPLICE_COPY
	return splice_copy_file_range(in, pos_in, out, pos_out, len);
#else
	return generic_copy_file_range(in, pos_in, out, pos_out, len, 0);
#endif
}

/* Take hold of the pages of a user's buffer: pinned where the kernel can, else referenced. */
static inline ssize_t vboxsf_extract_pages(struct iov_iter *iter, struct page **pages, size_t max,
					   unsigned int max_pages, size_t *offset)
{
#ifdef VBOXSF_HAS_EXTRACT_PAGES
	return iov_iter_extract_pages(iter, &pages, max, max_pages, 0, offset);
#else
	return iov_iter_get_pages2(iter, pages, max, max_pages, offset);
#endif
}

/* Let go of them. @written: their content has changed. */
static inline void vboxsf_release_pages(struct page **pages, unsigned int count, bool written)
{
#ifdef VBOXSF_HAS_EXTRACT_PAGES
	unpin_user_pages_dirty_lock(pages, count, written);
#else
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (written)
			set_page_dirty_lock(pages[i]);
		put_page(pages[i]);
	}
#endif
}

#endif
