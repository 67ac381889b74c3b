// Shows HTML that the server rendered from Markdown as nothing but a document: known elements, known attributes.
const elements = new Set(
  'a article aside b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i input kbd li ol p pre s section small span strong sub summary sup table tbody td th thead tr ul'.split(' '),
);

export interface Heading {
  level: number;
  id: string;
  text: string;
}

/** The nodes of `source` and its headings; links to `#id` go through `anchor`. */
export function safeFragment(source: string, anchor: (id: string) => string): { page: HTMLElement; headings: Heading[] } {
  // The page's policy forbids inline styles; Markdown's column alignment is the only one that matters.
  const plain = source.replace(/ style="text-align: ?(left|center|right);?"/g, ' data-align="$1"').replace(/ style="[^"]*"/g, '');
  const from = new DOMParser().parseFromString(plain, 'text/html').body;
  const page = document.createElement('div');
  const headings: Heading[] = [];
  copy(from, page, anchor, headings);
  return { page, headings };
}

function copy(from: Node, into: Node, anchor: (id: string) => string, headings: Heading[]) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.appendChild(document.createTextNode(node.nodeValue!));
    if (!(node instanceof Element)) continue;
    const name = node.localName;
    if (name === 'script' || name === 'style') continue;
    if (!elements.has(name)) {
      copy(node, into, anchor, headings);
      continue;
    }
    const made = document.createElement(name);
    if (node.id) made.id = node.id;
    const level = /^h([1-6])$/.exec(name)?.[1];
    if (level) headings.push({ level: Number(level), id: node.id, text: node.textContent ?? '' });
    const align = node.getAttribute('data-align');
    if (align === 'right') made.className = 'end number';
    if (name === 'a') follow(node, made as HTMLAnchorElement, anchor);
    if (name === 'th') made.setAttribute('scope', 'col');
    if (name === 'input') {
      if (node.getAttribute('type') !== 'checkbox') continue;
      made.setAttribute('type', 'checkbox');
      made.setAttribute('disabled', '');
      made.toggleAttribute('checked', node.hasAttribute('checked'));
    }
    copy(node, made, anchor, headings);
    // Wide content scrolls by itself, not the page; and by keyboard.
    if (name === 'table' || name === 'pre') into.appendChild(scrolling(made));
    else into.appendChild(made);
  }
}

function scrolling(content: HTMLElement): HTMLElement {
  if (content.localName === 'pre') {
    content.tabIndex = 0;
    return content;
  }
  const box = document.createElement('div');
  box.className = 'scroll';
  box.tabIndex = 0;
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', 'Table');
  box.append(content);
  return box;
}

function follow(from: Element, link: HTMLAnchorElement, anchor: (id: string) => string) {
  const target = from.getAttribute('href') ?? '';
  if (target.startsWith('#')) link.setAttribute('href', anchor(decodeURIComponent(target.slice(1))));
  else if (/^https?:\/\//.test(target)) {
    link.href = target;
    link.rel = 'noopener noreferrer';
    link.target = '_blank';
  }
  // Links to files of the repository lead nowhere from here: they stay text.
}
