/** The folder that the project lies in, with a slash at its end. */
export const repository = new URL('../../', import.meta.url).pathname;
