/* SPDX-License-Identifier: MIT */
/*
 * HgcmStuckSvc: a service that hangs when told to, on its service thread. Its info handler "stuck"
 * takes the path of a FIFO and comes back when the last writer has closed that. It serves no
 * guests.
 */
#include <hgcm/service_abi.h>
#include <hgcm/vbox_status.h>

#include <fcntl.h>
#include <unistd.h>

static struct hgcm_svc_helpers *helpers;

static void print_stuck(void *user, const struct hgcm_svc_info_output *out, const char *args) {
  (void)user;
  char byte;
  const int fd = open(args, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    while (read(fd, &byte, 1) > 0) {
    }
    close(fd);
  }
  out->print(out, "free again\n");
}

static int32_t service_unload(void *service) {
  (void)service;
  return helpers->info_deregister(helpers->instance, "stuck");
}

static int32_t service_connect(void *service, uint32_t client_id, void *client, uint32_t requestor,
                               bool restoring) {
  (void)service, (void)client_id, (void)client, (void)requestor, (void)restoring;
  return HGCM_ERR_NOT_SUPPORTED;
}

static int32_t service_disconnect(void *service, uint32_t client_id, void *client) {
  (void)service, (void)client_id, (void)client;
  return HGCM_INF_SUCCESS;
}

static void service_call(void *service, hgcm_svc_call_handle call, uint32_t client_id, void *client,
                         uint32_t function, uint32_t parm_count, struct hgcm_svc_parm *parms,
                         uint64_t arrival_tsc) {
  (void)service, (void)client_id, (void)client, (void)function, (void)parm_count, (void)parms;
  (void)arrival_tsc;
  helpers->call_complete(call, HGCM_ERR_NOT_SUPPORTED);
}

__attribute__((visibility("default"))) int32_t VBoxHGCMSvcLoad(struct hgcm_svc_table *table) {
  helpers = table->helpers;
  table->unload = service_unload;
  table->connect = service_connect;
  table->disconnect = service_disconnect;
  table->call = service_call;
  return helpers->info_register(helpers->instance, "stuck", "hangs", print_stuck, NULL);
}
