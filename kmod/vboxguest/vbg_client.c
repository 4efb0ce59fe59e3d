// SPDX-License-Identifier: GPL-2.0-only
/*
 * HGCM clients: connecting to a service and disconnecting. The operation a
 * client was connected with is kept for its disconnect, so that cleaning up
 * cannot fail for memory. Who may use a client is decided elsewhere
 * (vbg_session.c).
 *
 * A connect is never cancelled: the host may have connected already, and its
 * client would be lost. When the caller is killed the operation goes on alone
 * and disconnects what it gets.
 */
#include <linux/slab.h>

#include "vbg_core.h"

/* A host that does not complete a disconnect holds up its caller this long. */
#define VBG_DISCONNECT_MS	5000

/* Size of the memory both requests of a client fit in. */
#define VBG_CLIENT_BLOCK	sizeof(struct vbg_hgcm_req_connect)

/**
 * struct vbg_client - One connection to a service.
 * @op:		Connect, later disconnect.
 * @id:		Id given by the host, once connected.
 */
struct vbg_client {
	struct vbg_op op;
	u32 id;
};

static void vbg_client_free(struct vbg_client *client)
{
	vbg_block_free(client->op.hdr, VBG_CLIENT_BLOCK);
	kfree(client);
}

/* The end of a disconnect nobody waits for. */
static void vbg_client_disconnected(struct vbg_op *op, enum vbg_end end)
{
	if (end == VBG_END_LOST)
		return;
	if (end == VBG_END_DONE)
		vbg_count(op->gdev, VBG_CNT_CALLS_RECLAIMED, 1);
	vbg_client_free(container_of(op, struct vbg_client, op));
}

static int vbg_client_submit_disconnect(struct vbg_client *client, u32 requestor)
{
	struct vbg_hgcm_req_disconnect *req = (void *)client->op.hdr;

	memset(req, 0, VBG_CLIENT_BLOCK);
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_HGCM_DISCONNECT, requestor);
	req->client_id = client->id;
	vbg_op_init(&client->op, client->op.gdev, req, vbg_client_disconnected);
	return vbg_op_submit(&client->op);
}

/* The end of a connect nobody waits for: give the client back. */
static void vbg_client_connected(struct vbg_op *op, enum vbg_end end)
{
	struct vbg_client *client = container_of(op, struct vbg_client, op);
	struct vbg_hgcm_req_connect *req = (void *)op->hdr;
	int rc;

	if (end == VBG_END_LOST)
		return;
	if (end == VBG_END_CANCELLED || READ_ONCE(req->hdr.result) < 0) {
		vbg_client_free(client);
		return;
	}

	vbg_count(op->gdev, VBG_CNT_CALLS_RECLAIMED, 1);
	client->id = READ_ONCE(req->client_id);
	rc = vbg_client_submit_disconnect(client, VBG_REQUESTOR_DRIVER);
	if (rc == 0) {
		if (vbg_op_start_detached(op))
			vbg_op_revoke(op);
	} else if (rc == VBG_RC_UNANSWERED) {
		vbg_give_up(op->gdev, client);
	} else {
		vbg_client_free(client);
	}
}

static struct vbg_client *vbg_client_alloc(struct vbg_dev *gdev)
{
	struct vbg_client *client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);

	if (!client)
		return NULL;
	client->op.gdev = gdev;
	client->op.hdr = vbg_block_alloc(gdev, VBG_CLIENT_BLOCK);
	if (!client->op.hdr) {
		kfree(client);
		return NULL;
	}
	return client;
}

/* Dispose of a client whose request ended without having been accepted. */
static void vbg_client_refused(struct vbg_client *client, int rc)
{
	if (rc == VBG_RC_UNANSWERED)
		vbg_give_up(client->op.gdev, client);
	else
		vbg_client_free(client);
}

/**
 * vbg_client_connect() - Connect to a service.
 * @gdev:	Device.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 * @loc:	Service.
 * @client:	Where the client is stored if @status >= 0, else NULL is.
 * @status:	Status of the host.
 *
 * Context: Process context. Waits without limit, but killable.
 * Return: 0 with @status, or -ENOMEM, -EINTR (killed), -EIO (host is silent),
 * -ENODEV.
 */
int vbg_client_connect(struct vbg_dev *gdev, u32 requestor,
		       const struct vmmdev_hgcm_service_location *loc,
		       struct vbg_client **client, int *status)
{
	struct vbg_hgcm_req_connect *req;
	struct vbg_client *new;
	int ret, rc;

	*client = NULL;
	new = vbg_client_alloc(gdev);
	if (!new)
		return -ENOMEM;

	req = (void *)new->op.hdr;
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_HGCM_CONNECT, requestor);
	req->loc = *loc;
	vbg_op_init(&new->op, gdev, req, vbg_client_connected);
	rc = vbg_op_submit(&new->op);
	if (rc < 0) {
		vbg_client_refused(new, rc);
		if (rc == VBG_RC_UNANSWERED || rc == VBG_RC_NOT_SENT)
			return -EIO;
		*status = rc;
		return 0;
	}

	ret = vbg_op_wait(&new->op, VBG_WAIT_KILL, VBG_WAIT_FOREVER);
	if (ret && vbg_op_detach(&new->op))
		return ret;

	*status = READ_ONCE(req->hdr.result);
	if (*status < 0) {
		vbg_client_free(new);
		return 0;
	}
	new->id = READ_ONCE(req->client_id);
	*client = new;
	return 0;
}

/**
 * vbg_client_disconnect() - Disconnect a client.
 * @client:	Client; consumed unless @status is negative with a return of 0.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 * @status:	Status of the host.
 *
 * Cannot fail for memory. If the host takes too long, or the caller is killed,
 * the disconnect goes on alone.
 *
 * Context: Process context, sleeps.
 * Return: 0 with @status, or -EINTR (killed), -ETIMEDOUT, -EIO (host is
 * silent).
 */
int vbg_client_disconnect(struct vbg_client *client, u32 requestor, int *status)
{
	int ret, rc;

	rc = vbg_client_submit_disconnect(client, requestor);
	if (rc == VBG_RC_UNANSWERED || rc == VBG_RC_NOT_SENT) {
		vbg_client_refused(client, rc);
		return -EIO;
	}
	if (rc == 0) {
		ret = vbg_op_wait(&client->op, VBG_WAIT_CLOSE, VBG_DISCONNECT_MS);
		if (ret && vbg_op_detach(&client->op))
			return ret;
		rc = READ_ONCE(client->op.hdr->result);
	}

	*status = rc;
	if (rc >= 0)
		vbg_client_free(client);
	return 0;
}

/**
 * vbg_client_disconnect_id() - Disconnect a client known only by its id.
 * @gdev:	Device.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 * @id:		Client id.
 * @status:	Status of the host.
 *
 * Context: Process context, sleeps.
 * Return: As vbg_client_disconnect(), or -ENOMEM.
 */
int vbg_client_disconnect_id(struct vbg_dev *gdev, u32 requestor, u32 id, int *status)
{
	struct vbg_client *client = vbg_client_alloc(gdev);
	int ret;

	if (!client)
		return -ENOMEM;
	client->id = id;
	ret = vbg_client_disconnect(client, requestor, status);
	if (!ret && *status < 0)
		vbg_client_free(client);
	return ret;
}

/**
 * vbg_client_id() - Id of a client.
 * @client:	Connected client.
 *
 * Context: Any.
 * Return: The id the host gave.
 */
u32 vbg_client_id(const struct vbg_client *client)
{
	return client->id;
}

/**
 * vbg_client_forget() - Free a client the host does not know any more.
 * @client:	Connected client.
 *
 * Context: Process context.
 */
void vbg_client_forget(struct vbg_client *client)
{
	vbg_client_free(client);
}
