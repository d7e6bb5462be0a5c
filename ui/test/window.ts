/** Answers media queries about the width as a window of that width would. */
export function setWindowWidth(width: number): void {
  window.matchMedia = (query: string) => {
    const least = Number(/min-width:\s*(\d+)px/.exec(query)?.[1] ?? 0);
    const most = Number(/max-width:\s*(\d+)px/.exec(query)?.[1] ?? Infinity);
    const matches = /width/.test(query) && width >= least && width <= most;
    return Object.assign(new EventTarget(), {
      matches,
      media: query,
      onchange: null,
      addListener: () => {},
      removeListener: () => {},
    }) as unknown as MediaQueryList;
  };
}
