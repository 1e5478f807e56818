/**
 * Fixed limits of the container. They are part of the format: a bundle beyond one of them is refused, and never sealed.
 */

const MiB = 1024 * 1024;

/** Tar bytes in one frame. Small enough to open one entry cheaply, large enough for zstd to find what repeats. */
export const FRAME_LENGTH = 4 * MiB;
/** What 4 MiB can take compressed when it does not compress (ZSTD_COMPRESSBOUND), generously rounded. */
export const MAX_FRAME_COMPRESSED = FRAME_LENGTH + 64 * 1024;
/** 4 TiB of tar stream: far more than any medium carries, and a seek table of 8 MiB. */
export const MAX_FRAMES = 1024 * 1024;
/** Window of a frame in an archive with a seek table: what zstd uses up to level 19. */
export const MAX_FRAME_WINDOW = 8 * MiB;
/** Window of a frame in a streamed archive: what `zstd --long` and the highest levels use, and memory for it. */
export const MAX_STREAM_WINDOW = 128 * MiB;

/** 500,000 entries of 130 bytes each in canonical JSON. */
export const MAX_BUNDLE_MANIFEST_BYTES = 64 * MiB;
/** A hundred signers with certificates' worth of headers; a real one is under 1 KiB. */
export const MAX_BUNDLE_SIGNATURE_BYTES = 64 * 1024;
/** The most entries of one archive: a log of 60 million entries in full, tiles and entry bundles. */
export const MAX_ENTRIES = 500_000;
/** One entry; the greatest in practice are large target files. */
export const MAX_ARCHIVE_ENTRY_BYTES = 16 * 1024 * MiB;
/** The greatest entry that is ever held in memory whole. */
export const MAX_ENTRY_IN_MEMORY = 64 * MiB;

/** A path in UTF-8: a fourth of PATH_MAX, so that it fits below any directory it is extracted into. */
export const MAX_PATH_BYTES = 1024;
/** One segment of a path in UTF-8: the NAME_MAX of every common file system. */
export const MAX_SEGMENT_BYTES = 255;

/** Records of one pax extended header: a path, a size, times and owner names, and room for what tools add. */
export const MAX_PAX_BYTES = 64 * 1024;
/** Zero blocks after the end of the tar stream: GNU tar pads to 10 KiB, and to 1 MiB with a large blocking factor. */
export const MAX_TAR_PADDING = MiB;
