// Package probe is a headless Moonlight client that measures: it pairs,
// launches an app, decodes what is streamed, types into it and leaves, and
// reports what it saw. It works against any Moonlight host; the picture of
// Kennel's demo app also tells it which frames came, how old they were, and
// what of its input arrived.
package probe
