/* What the inputs hold, from files or made up, and the files of the outputs. */
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void read_strings(Tensor *input, FILE *file, const char *path) {
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    input->bytes = size > 0 ? (size_t)size : 0;
    make_room(input);
    int32_t *head = input->data;
    int64_t count = elements(input);
    if (fread(input->data, 1, input->bytes, file) != input->bytes || (int64_t)input->bytes < 4 * (count + 2) || head[0] != count)
        fail("input %s does not have the %" PRId64 " strings of %s", path, count, input->name);
    for (int64_t i = 0; i <= count; i++)
        if (head[i + 1] < (i ? head[i] : 4 * (count + 2)) || (size_t)head[i + 1] > input->bytes)
            fail("input %s is damaged: its string %" PRId64 " lies outside", path, i);
}

void read_input(Tensor *input, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("input %s: %s", path, strerror(errno));
    if (!strcmp(input->type, "string")) {
        read_strings(input, file, path);
        fclose(file);
        return;
    }
    size_t got = fread(input->data, 1, input->bytes, file);
    int more = fgetc(file) != EOF;
    fclose(file);
    if (got != input->bytes || more)
        fail("input %s does not have the %zu bytes of %s", path, input->bytes, input->name ? input->name : "the input");
}

static void fill_strings(Tensor *input) {
    int64_t count = elements(input), head = 4 * (count + 2);
    input->bytes = (size_t)(head + count);
    make_room(input);
    int32_t *numbers = input->data;
    numbers[0] = (int32_t)count;
    for (int64_t i = 0; i <= count; i++) numbers[i + 1] = (int32_t)(head + i);
    memset((char *)input->data + head, '0', (size_t)count);
}

/* A linear congruential sequence; what each type makes of it is said at the top. */
void fill_input(Tensor *input) {
    if (!strcmp(input->type, "string")) {
        fill_strings(input);
        return;
    }
    int64_t count = elements(input);
    size_t each = count > 0 ? input->bytes / (size_t)count : 0;
    int wide = strstr(input->type, "int") && each >= 4, is_bool = !strcmp(input->type, "bool");
    uint32_t state = 12345;
    for (int64_t i = 0; i < (each ? count : (int64_t)input->bytes); i++) {
        state = state * 1664525u + 1013904223u;
        double real = (double)(state >> 8) / 8388608. - 1.;
        uint8_t byte = (uint8_t)(state >> 24), bit = byte & 1;
        char *at = (char *)input->data + i * (int64_t)(each ? each : 1);
        float single = (float)real;
        uint32_t pattern;
        memcpy(&pattern, &single, 4);
        if (!strcmp(input->type, "float32")) memcpy(at, &single, 4);
        else if (!strcmp(input->type, "float64")) memcpy(at, &real, 8);
        else if (!strcmp(input->type, "bfloat16")) memcpy(at, (char *)&pattern + 2, 2);
        else if (!strcmp(input->type, "float16")) /* sign and eight bits after the point: 0.5 to 1 in size */
            memcpy(at, &(uint16_t){(uint16_t)((pattern >> 31) << 15 | 14 << 10 | (byte << 2))}, 2);
        else if (wide || is_bool) *at = (char)bit;
        else if (each > 1 && !strstr(input->type, "int")) *at = 0; /* complex and whatever else there is: zeros */
        else
            for (size_t k = 0; k < (each ? each : 1); k++) at[k] = (char)byte;
    }
}

void write_outputs(const char *prefix) {
    for (int i = 0; i < n_outputs; i++) {
        char path[4096];
        if (snprintf(path, sizeof path, "%s%d.bin", prefix, i) >= (int)sizeof path) fail("output path is too long");
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(outputs[i].data, 1, outputs[i].bytes, file) != outputs[i].bytes || fclose(file))
            fail("output %s: %s", path, strerror(errno));
    }
}
