// cmake/empty.cpp - the one translation unit of a layer that is headers only.
