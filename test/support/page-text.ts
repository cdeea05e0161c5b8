/** Text of a page as a reader sees it: without style and tags, white space made one. */
export function textOfPage(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}
