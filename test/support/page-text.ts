/** Text of a page as a reader sees it: without style and tags, white space made one. */
export function textOfPage(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<svg.*?<\/svg>(?!<\/svg>)/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** The one script that pages name. */
export const ownScript = /<script defer src="[./]*page\.js\?v=[0-9a-f]{12}"><\/script>/;
