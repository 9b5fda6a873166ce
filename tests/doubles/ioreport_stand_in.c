/* Stands in for Core Foundation and libIOReport: same functions and types, one subscription.
 * Objects lie above 4 GiB wherever the allocator puts them so, and are counted until released. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct object {
    char text[64];
    const char *unit;
    int64_t value;
    long count;
    struct object *items[8];
} object;

static int64_t clock_ticks;
static long alive;
static object channels[3] = {
    {.text = "CPU Energy", .unit = "mJ  "}, {.text = "DRAM0", .unit = "mJ"},
    {.text = "GPU Energy", .unit = "nJ"}};

static object *made(void) { alive++; return calloc(1, sizeof(object)); }
long stand_in_alive(void) { return alive; }

void CFRelease(const void *it) { alive--; free((void *)it); }
const void *CFStringCreateWithCString(const void *allocator, const char *text, uint32_t encoding) {
    object *string = made();
    strncpy(string->text, text, sizeof string->text - 1);
    return allocator || encoding != 0x08000100 ? NULL : string;
}
unsigned char CFStringGetCString(const void *it, char *buffer, long size, uint32_t encoding) {
    (void)encoding;
    if ((long)strlen(it) >= size) return 0;
    strcpy(buffer, it);
    return 1;
}
const void *CFDictionaryGetValue(const object *it, const object *key) {
    return strcmp(key->text, "IOReportChannels") ? NULL : it;
}
void *CFDictionaryCreateMutableCopy(const void *allocator, long capacity, const object *it) {
    object *copy = made();
    *copy = *it;
    return allocator || capacity ? NULL : copy;
}
long CFArrayGetCount(const object *it) { return it->count; }
const void *CFArrayGetValueAtIndex(const object *it, long index) { return it->items[index]; }

static object *sample(int64_t scale) {
    object *it = made();
    for (it->count = 0; it->count < 3; it->count++) {
        object *channel = &channels[it->count];
        channel->value = scale * (it->count + 1);
        it->items[it->count] = channel;
    }
    it->value = clock_ticks;
    return it;
}
void *IOReportCopyChannelsInGroup(const object *group, const void *subgroup, uint64_t a, uint64_t b,
                                  uint64_t c) {
    return strcmp(group->text, "Energy Model") || subgroup || a || b || c ? NULL : sample(0);
}
void *IOReportCreateSubscription(void *a, void *wanted, void **subscribed, uint64_t id, void *b) {
    *subscribed = wanted;
    return a || id || b ? NULL : made();
}
void *IOReportCreateSamples(void *subscription, void *subscribed, void *a) {
    clock_ticks += 5000000000; /* more than 32 bits */
    return subscription && subscribed && !a ? sample(0) : NULL;
}
void *IOReportCreateSamplesDelta(object *before, object *now, void *a) {
    return a ? NULL : sample(now->value - before->value);
}
const char *IOReportChannelGetChannelName(const object *it) { return it->text; }
const char *IOReportChannelGetUnitLabel(const object *it) { return it->unit; }
int64_t IOReportSimpleGetIntegerValue(const object *it, int a) { return a ? -1 : it->value; }
