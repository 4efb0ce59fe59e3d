// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test of what vboxguest offers other kernel drivers, against HgcmTestSvc at the
 * other end. Loading the module runs the tests; loading fails if one does. Each
 * says PASS or FAIL in the kernel log. With hold=N it leaves N asynchronous calls
 * that never complete behind, to be ended by taking the device from its driver.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vbox_err.h>
#include <linux/vbox_utils.h>
#include <linux/vmalloc.h>
#include <openhgcm/vboxguest.h>

#define FN_NOOP		1
#define FN_ECHO		2
#define FN_ADD		3
#define FN_DELAY	4
#define FN_PARK		5
#define FN_RELEASE	6
#define FN_FILL		7
#define FN_SUM		8
#define FN_STATUS	9
#define FN_INOUT	10
#define FN_NEVER	11

#define REQUESTOR	(VMMDEV_REQUESTOR_KERNEL | VMMDEV_REQUESTOR_USR_DRV_OTHER)
#define PARK_KEY	0x7e57

static uint hold;
module_param(hold, uint, 0444);
MODULE_PARM_DESC(hold, "Leave this many calls pending after the tests");

static u32 client;

#define EXPECT(condition) do {						\
	if (!(condition)) {						\
		pr_err("vboxguest-test: line %d: %s\n", __LINE__, #condition); \
		return false;						\
	}								\
} while (0)

static void set_u32(struct vmmdev_hgcm_function_parameter *parm, u32 value)
{
	parm->type = VMMDEV_HGCM_PARM_TYPE_32BIT;
	parm->u.value32 = value;
}

static void set_u64(struct vmmdev_hgcm_function_parameter *parm, u64 value)
{
	parm->type = VMMDEV_HGCM_PARM_TYPE_64BIT;
	parm->u.value64 = value;
}

static void set_buffer(struct vmmdev_hgcm_function_parameter *parm, u32 type, void *data,
		       u32 size)
{
	parm->type = type;
	parm->u.pointer.size = size;
	parm->u.pointer.u.linear_addr = (uintptr_t)data;
}

/* One call with a reference of its own, as a file system does it. */
static int call(u32 function, struct vmmdev_hgcm_function_parameter *parms, u32 count,
		u32 timeout, int *status)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	if (IS_ERR(gdev))
		return PTR_ERR(gdev);
	ret = vbg_hgcm_call(gdev, REQUESTOR, client, function, timeout, parms, count, status);
	vbg_put_gdev(gdev);
	return ret;
}

static bool test_connect(void)
{
	struct vmmdev_hgcm_service_location loc = { .type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING };
	struct vbg_dev *gdev = vbg_get_gdev();
	u32 id = 1;
	int status;

	EXPECT(!IS_ERR(gdev));
	strscpy(loc.u.localhost.service_name, "NoSuchService",
		sizeof(loc.u.localhost.service_name));
	EXPECT(!vbg_hgcm_connect(gdev, REQUESTOR, &loc, &id, &status));
	EXPECT(status < 0);
	EXPECT(vbg_status_code_to_errno(status) == -ENOENT);

	strscpy(loc.u.localhost.service_name, "HgcmTestSvc",
		sizeof(loc.u.localhost.service_name));
	EXPECT(!vbg_hgcm_connect(gdev, REQUESTOR, &loc, &id, &status));
	EXPECT(status >= 0 && id);
	EXPECT(!vbg_hgcm_disconnect(gdev, REQUESTOR, id, &status));
	EXPECT(status >= 0);
	EXPECT(!vbg_hgcm_disconnect(gdev, REQUESTOR, id, &status));
	EXPECT(status < 0);

	EXPECT(!vbg_hgcm_connect(gdev, REQUESTOR, &loc, &client, &status));
	EXPECT(status >= 0);
	vbg_put_gdev(gdev);
	return true;
}

static bool test_values(void)
{
	struct vmmdev_hgcm_function_parameter parms[3];
	int status;

	EXPECT(!call(FN_NOOP, NULL, 0, U32_MAX, &status));
	EXPECT(status == VINF_SUCCESS);
	set_u32(&parms[0], 5);
	set_u64(&parms[1], 1ull << 40);
	set_u64(&parms[2], 0);
	EXPECT(!call(FN_ADD, parms, 3, U32_MAX, &status));
	EXPECT(status == VINF_SUCCESS);
	EXPECT(parms[0].u.value32 == 6);
	EXPECT(parms[2].u.value64 == (1ull << 40) + 5);

	set_u32(&parms[0], VERR_FILE_NOT_FOUND);
	EXPECT(!call(FN_STATUS, parms, 1, U32_MAX, &status));
	EXPECT(status == VERR_FILE_NOT_FOUND);
	return true;
}

static bool test_refused(void)
{
	struct vmmdev_hgcm_function_parameter parms[33];
	int i, status;

	for (i = 0; i < 33; i++)
		set_u32(&parms[i], 0);
	EXPECT(call(FN_NOOP, parms, 33, U32_MAX, &status) == -E2BIG);
	parms[0].type = VMMDEV_HGCM_PARM_TYPE_PAGELIST;
	EXPECT(call(FN_NOOP, parms, 1, U32_MAX, &status) == -EINVAL);
	set_buffer(&parms[0], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN, parms, (128 << 20) + 1);
	EXPECT(call(FN_NOOP, parms, 1, U32_MAX, &status) == -E2BIG);
	set_buffer(&parms[0], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN, NULL, 0);
	EXPECT(!call(FN_NOOP, parms, 1, U32_MAX, &status));
	EXPECT(status == VINF_SUCCESS);
	return true;
}

/* Echo @size bytes from and to @memory, which has room for both and a guard. */
static bool echo(u8 *memory, u32 size)
{
	struct vmmdev_hgcm_function_parameter parms[2];
	int status;
	u32 i;

	for (i = 0; i < size; i++)
		memory[i] = i * 13 + size;
	memset(memory + size, 0, size);
	memory[2 * size] = 0x5a;
	set_buffer(&parms[0], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN, memory, size);
	set_buffer(&parms[1], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, memory + size, size);
	EXPECT(!call(FN_ECHO, parms, 2, U32_MAX, &status));
	EXPECT(status == VINF_SUCCESS);
	EXPECT(!memcmp(memory, memory + size, size));
	EXPECT(memory[2 * size] == 0x5a);
	return true;
}

static bool test_buffers(void)
{
	static const u32 sizes[] = { 1, 100, 2000, 3072, 4000, 4096, 5000, 60000, 1 << 20,
				     5 << 20 };
	bool ok = true;
	u8 *memory;
	int i;

	for (i = 0; ok && i < ARRAY_SIZE(sizes); i++) {
		memory = vmalloc(2 * sizes[i] + 8);
		EXPECT(memory);
		ok = echo(memory, sizes[i]) && echo(memory + 7, sizes[i] - 1 ?: 1);
		vfree(memory);
		if (!ok || sizes[i] > 1 << 20)
			continue;
		memory = kmalloc(2 * sizes[i] + 8, GFP_KERNEL);
		EXPECT(memory);
		ok = echo(memory, sizes[i]) && echo(memory + 7, sizes[i] - 1 ?: 1);
		kfree(memory);
	}
	return ok;
}

static bool test_inout(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	u8 *memory;
	struct vmmdev_hgcm_function_parameter parm;
	int status;

	EXPECT(page);
	memory = page_address(page);
	memset(memory, 0x0f, 4 * PAGE_SIZE);
	set_buffer(&parm, VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, memory + 1, 4 * PAGE_SIZE - 2);
	EXPECT(!call(FN_INOUT, &parm, 1, U32_MAX, &status));
	EXPECT(status == VINF_SUCCESS);
	EXPECT(memory[0] == 0x0f && memory[4 * PAGE_SIZE - 1] == 0x0f);
	EXPECT(memory[1] == 0xf0 && memory[4 * PAGE_SIZE - 2] == 0xf0);
	EXPECT(page_count(page) == 1);
	__free_pages(page, 2);
	return true;
}

static bool test_timeout(void)
{
	u8 *memory = vmalloc(50000);
	struct vmmdev_hgcm_function_parameter parm;
	int status;

	EXPECT(memory);
	set_buffer(&parm, VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, memory, 50000);
	EXPECT(call(FN_NEVER, &parm, 1, 30, &status) == -ETIMEDOUT);
	vfree(memory);
	EXPECT(!call(FN_NOOP, NULL, 0, U32_MAX, &status));
	return true;
}

struct async_call {
	struct vbg_hgcm_async async;
	struct completion done;
	struct vmmdev_hgcm_function_parameter parms[2];
	u8 *memory;
};

static void async_done(struct vbg_hgcm_async *async)
{
	might_sleep();
	complete(&container_of(async, struct async_call, async)->done);
}

static int start(struct async_call *c, u32 function, u32 count)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	if (IS_ERR(gdev))
		return PTR_ERR(gdev);
	c->async.done = async_done;
	init_completion(&c->done);
	ret = vbg_hgcm_call_async(gdev, REQUESTOR, client, function, c->parms, count, &c->async);
	vbg_put_gdev(gdev);
	return ret;
}

#define ASYNC_CALLS	64

static bool test_async(void)
{
	struct async_call *calls = kcalloc(ASYNC_CALLS, sizeof(*calls), GFP_KERNEL);
	int i;

	EXPECT(calls);
	for (i = 0; i < ASYNC_CALLS; i++) {
		set_u32(&calls[i].parms[0], i % 5 * 10);
		calls[i].async.soon = i % 2;
		EXPECT(!start(&calls[i], FN_DELAY, 1));
	}
	for (i = 0; i < ASYNC_CALLS; i++) {
		EXPECT(wait_for_completion_timeout(&calls[i].done, 10 * HZ));
		EXPECT(!calls[i].async.error && !calls[i].async.vbox_status);
	}
	kfree(calls);
	return true;
}

static bool test_async_data(void)
{
	struct async_call c = {};
	int i;

	c.memory = vmalloc(200000);
	EXPECT(c.memory);
	for (i = 0; i < 100000; i++)
		c.memory[i] = i * 7;
	set_buffer(&c.parms[0], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN, c.memory, 100000);
	set_buffer(&c.parms[1], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, c.memory + 100000,
		   100000);
	EXPECT(!start(&c, FN_ECHO, 2));
	EXPECT(wait_for_completion_timeout(&c.done, 10 * HZ));
	EXPECT(!c.async.error && !c.async.vbox_status);
	EXPECT(!memcmp(c.memory, c.memory + 100000, 100000));
	vfree(c.memory);

	set_buffer(&c.parms[0], VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, NULL, 1);
	EXPECT(start(&c, FN_NOOP, 1) == -EINVAL);
	EXPECT(!try_wait_for_completion(&c.done));
	return true;
}

/* A buffer that begins and ends within pages which do not follow each other. */
#define TEST_PAGES	3
#define TEST_OFFSET	100
#define TEST_SIZE	8000

static bool test_async_pages(void)
{
	struct page *pages[TEST_PAGES];
	struct vbg_hgcm_pages buffer = { .pages = pages, .offset = TEST_OFFSET };
	struct async_call c = {};
	int i, status;
	u64 sum = 0;
	u8 *at;

	for (i = 0; i < TEST_PAGES; i++) {
		pages[TEST_PAGES - 1 - i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		EXPECT(pages[TEST_PAGES - 1 - i]);
	}
	set_u32(&c.parms[0], 5);
	set_buffer(&c.parms[1], VBG_HGCM_PARM_PAGES_OUT, &buffer, TEST_SIZE);
	EXPECT(!start(&c, FN_FILL, 2));
	EXPECT(wait_for_completion_timeout(&c.done, 10 * HZ));
	EXPECT(!c.async.error && !c.async.vbox_status && !c.async.pages_lost);
	for (i = 0; i < TEST_PAGES * PAGE_SIZE; i++) {
		at = page_address(pages[i / PAGE_SIZE]);
		if (i < TEST_OFFSET || i >= TEST_OFFSET + TEST_SIZE)
			EXPECT(!at[i % PAGE_SIZE]);
		else
			EXPECT(at[i % PAGE_SIZE] == (u8)(5 + 7 * (i - TEST_OFFSET)));
		sum += at[i % PAGE_SIZE];
	}

	set_buffer(&c.parms[0], VBG_HGCM_PARM_PAGES_IN, &buffer, TEST_SIZE);
	set_u64(&c.parms[1], 0);
	EXPECT(!start(&c, FN_SUM, 2));
	EXPECT(wait_for_completion_timeout(&c.done, 10 * HZ));
	EXPECT(!c.async.error && !c.async.vbox_status);
	EXPECT(c.parms[1].u.value64 == sum);

	/* They are for asynchronous calls only, and start within the first page. */
	set_u64(&c.parms[1], 0);
	EXPECT(call(FN_SUM, c.parms, 2, 1000, &status) == -EINVAL);
	buffer.offset = PAGE_SIZE;
	EXPECT(start(&c, FN_SUM, 2) == -EINVAL);
	for (i = 0; i < TEST_PAGES; i++)
		__free_page(pages[i]);
	return true;
}

static bool test_async_pages_lost(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct vbg_hgcm_pages buffer = { .pages = &page };
	struct vbg_dev *gdev = vbg_get_gdev();
	struct async_call c = {};

	EXPECT(page && !IS_ERR(gdev));
	set_buffer(&c.parms[0], VBG_HGCM_PARM_PAGES_OUT, &buffer, PAGE_SIZE);
	EXPECT(!start(&c, FN_NEVER, 1));
	EXPECT(vbg_hgcm_cancel_async(gdev, &c.async));
	EXPECT(c.async.error == -ECANCELED && c.async.pages_lost);
	vbg_put_gdev(gdev);
	/* The page stays allocated: the host was told of it. */
	return true;
}

static bool test_async_released(void)
{
	struct async_call c = {};
	struct vmmdev_hgcm_function_parameter key;
	int status;

	set_u32(&c.parms[0], PARK_KEY);
	EXPECT(!start(&c, FN_PARK, 1));
	do {
		set_u32(&key, PARK_KEY);
		EXPECT(!call(FN_RELEASE, &key, 1, U32_MAX, &status));
	} while (!wait_for_completion_timeout(&c.done, 1));
	EXPECT(!c.async.error && !c.async.vbox_status);
	return true;
}

static bool test_async_cancel(void)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	struct async_call c = {};
	int i;

	EXPECT(!IS_ERR(gdev));
	EXPECT(!start(&c, FN_NEVER, 0));
	EXPECT(vbg_hgcm_cancel_async(gdev, &c.async));
	EXPECT(try_wait_for_completion(&c.done));
	EXPECT(c.async.error == -ECANCELED);
	EXPECT(!vbg_hgcm_cancel_async(gdev, &c.async));

	/* Against completion: whoever wins, it is called once, and says which it was. */
	for (i = 0; i < 200; i++) {
		bool cancelled;

		set_u32(&c.parms[0], i % 2);
		EXPECT(!start(&c, FN_DELAY, 1));
		if (i % 4 > 1)
			usleep_range(500, 1500);
		cancelled = vbg_hgcm_cancel_async(gdev, &c.async);
		EXPECT(wait_for_completion_timeout(&c.done, 10 * HZ));
		EXPECT(c.async.error == (cancelled ? -ECANCELED : 0));
	}
	vbg_put_gdev(gdev);
	return true;
}

struct callers {
	atomic_t wrong;
	atomic_t running;
	struct completion done;
};

static int caller_thread(void *data)
{
	struct callers *callers = data;
	struct vmmdev_hgcm_function_parameter parms[3];
	int i, status;

	for (i = 0; i < 200; i++) {
		set_u32(&parms[0], i);
		set_u64(&parms[1], 1);
		set_u64(&parms[2], 0);
		if (call(FN_ADD, parms, 3, U32_MAX, &status) || status ||
		    parms[2].u.value64 != i + 1)
			atomic_inc(&callers->wrong);
	}
	if (atomic_dec_and_test(&callers->running))
		complete(&callers->done);
	return 0;
}

#define THREADS	16

static bool test_threads(void)
{
	struct callers callers = { .wrong = ATOMIC_INIT(0), .running = ATOMIC_INIT(THREADS) };
	struct vmmdev_hgcm_function_parameter key;
	struct async_call c = {};
	int i, status;

	/* One call that waits holds up nobody. */
	set_u32(&c.parms[0], PARK_KEY + 1);
	EXPECT(!start(&c, FN_PARK, 1));
	init_completion(&callers.done);
	for (i = 0; i < THREADS; i++) {
		if (IS_ERR(kthread_run(caller_thread, &callers, "vbg-test/%d", i))) {
			atomic_inc(&callers.wrong);
			if (atomic_dec_and_test(&callers.running))
				complete(&callers.done);
		}
	}
	wait_for_completion(&callers.done);
	EXPECT(!atomic_read(&callers.wrong));
	do {
		set_u32(&key, PARK_KEY + 1);
		EXPECT(!call(FN_RELEASE, &key, 1, U32_MAX, &status));
	} while (!wait_for_completion_timeout(&c.done, 1));
	return true;
}

static atomic_t held;

static void held_done(struct vbg_hgcm_async *async)
{
	struct async_call *c = container_of(async, struct async_call, async);

	pr_info("vboxguest-test: held call ended with %d, %d left\n", async->error,
		atomic_dec_return(&held));
	vfree(c->memory);
	kfree(c);
}

static bool hold_calls(void)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	struct async_call *c;
	uint i;

	EXPECT(!IS_ERR(gdev));
	for (i = 0; i < hold; i++) {
		c = kzalloc(sizeof(*c), GFP_KERNEL);
		EXPECT(c);
		c->memory = vmalloc(100000);
		EXPECT(c->memory);
		set_buffer(&c->parms[0], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, c->memory, 100000);
		c->async.done = held_done;
		atomic_inc(&held);
		EXPECT(!vbg_hgcm_call_async(gdev, REQUESTOR, client, FN_NEVER, c->parms, 1,
					    &c->async));
	}
	vbg_put_gdev(gdev);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} tests[] = {
	{ "connect", test_connect },
	{ "values", test_values },
	{ "refused", test_refused },
	{ "buffers", test_buffers },
	{ "inout", test_inout },
	{ "timeout", test_timeout },
	{ "async", test_async },
	{ "async_data", test_async_data },
	{ "async_pages", test_async_pages },
	{ "async_pages_lost", test_async_pages_lost },
	{ "async_released", test_async_released },
	{ "async_cancel", test_async_cancel },
	{ "threads", test_threads },
	{ "hold", hold_calls },
};

static int __init vboxguest_test_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (!tests[i].run()) {
			pr_err("vboxguest-test: FAIL %s\n", tests[i].name);
			return -ENOTRECOVERABLE;
		}
		pr_info("vboxguest-test: PASS %s\n", tests[i].name);
	}
	return 0;
}

static void __exit vboxguest_test_exit(void)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	int status;

	if (!IS_ERR(gdev)) {
		vbg_hgcm_disconnect(gdev, REQUESTOR, client, &status);
		vbg_put_gdev(gdev);
	}
}

module_init(vboxguest_test_init);
module_exit(vboxguest_test_exit);

MODULE_DESCRIPTION("Test of vboxguest's interface for other drivers");
MODULE_AUTHOR("The OpenHGCM authors");
MODULE_LICENSE("GPL");
