/* What the plugins (instruction_count.c, operator_count.c) use of version 1 of QEMU's plugin interface (QEMU 7.2), because
 * Debian ships no header for it; and the runner's marks (runner.c): a timed inference stands between two of these calls. */
#ifndef CA_DEPLOY_QEMU_PLUGIN_H
#define CA_DEPLOY_QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*translate_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*exec_cb)(unsigned vcpu, void *data);
typedef void (*syscall_cb)(qemu_plugin_id_t, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                           uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
typedef void (*syscall_ret_cb)(qemu_plugin_id_t, unsigned vcpu, int64_t number, int64_t result);
typedef void (*exit_cb)(qemu_plugin_id_t, void *);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translate_cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, exec_cb, enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_cb);
void qemu_plugin_register_vcpu_syscall_ret_cb(qemu_plugin_id_t, syscall_ret_cb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_cb, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))

enum { PRCTL = 167, GETCPU = 168, MARK_BEGIN = 0x43410001, MARK_END = 0x43410002 };

/* A program's memory is where it says: QEMU moves 64-bit programs nowhere.
 *
 * ONNX Runtime asks before every matrix product on which core it is, and takes another way when that has changed. QEMU answers
 * with a core of this machine, of which the emulated processor may have fewer; here the answer is always the first. Called
 * before and after every system call. */
static __thread uint64_t core_at;

static inline void before_getcpu(int64_t number, uint64_t a1) {
    if (number == GETCPU) core_at = a1;
}

static inline void after_getcpu(int64_t number, int64_t result) {
    if (number == GETCPU && !result && core_at) *(uint32_t *)core_at = 0;
}

#endif
