/** The file that tells a folder in which `mine` keeps finished work from a folder of others. */
export const WORK_MARKER = "hicra-work.json";
