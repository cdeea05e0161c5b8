/** The visible text of a page: without style and tags, with single spaces. */
export function textOfPage(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<svg.*?<\/svg>(?!<\/svg>)/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** The script of the pages. */
export const ownScript = /<script defer src="[./]*page\.js\?v=[0-9a-f]{12}"><\/script>/;
