// The pictures of the shop: one stroke, one box of 24. They always stand beside a
// word that says the same, so a screen reader never hears of them.

/** @type {Record<string, string>} */
const PATHS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2",
  cross: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  hourglass: "M7 4h10M7 20h10M8 4c0 4.5 3 5.5 4 8 1-2.5 4-3.5 4-8M8 20c0-4.5 3-5.5 4-8 1 2.5 4 3.5 4 8",
  question: "M9 9a3 3 0 1 1 4.4 2.8c-1 .5-1.4 1.1-1.4 2.2M12 17.9v.01",
  minus: "M6 12h12",
  plus: "M6 12h12M12 6v12",
  star: "M12 4l2.4 5.2 5.6.7-4.2 3.9 1.1 5.7L12 16.7l-4.9 2.8 1.1-5.7L4 9.9l5.6-.7z",
  ticket: "M4 8a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v2a2 2 0 0 0 0 4v2a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-2a2 2 0 0 0 0-4zM14.5 6v2M14.5 11v2M14.5 16v2",
  back: "M14.5 5.5L8 12l6.5 6.5",
  next: "M9.5 5.5L16 12l-6.5 6.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  system: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M15 5.5v13M18 7.5v9",
  exit: "M13.5 4.5H19v15h-5.5M4 12h11M11 8l4 4-4 4",
  user: "M12 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM5 20c.8-3.6 3.8-5 7-5s6.2 1.4 7 5",
  grid: "M5 5h5v5H5zM14 5h5v5h-5zM5 14h5v5H5zM14 14h5v5h-5z",
  list: "M9.5 6.5h10M9.5 12h10M9.5 17.5h10M5 6.5h.01M5 12h.01M5 17.5h.01",
  refresh: "M19 12a7 7 0 1 1-2.1-5M19.5 4v4h-4",
  offline: "M4 4l16 16M12 18.5v.01M8.5 15a5 5 0 0 1 5-1.2M5.2 11.7a9.5 9.5 0 0 1 4.3-2.4M2.5 8.2a13.5 13.5 0 0 1 3.7-2.4M10.5 5a13.5 13.5 0 0 1 11 3.2M15.5 9.7a9.5 9.5 0 0 1 3.3 2",
  warning: "M12 4L3 19.5h18zM12 10v4.5M12 17.2v.01",
  calendar: "M5 6h14v13.5H5zM5 10.5h14M9 3.5V7M15 3.5V7",
  pin: "M12 21s6.5-5.6 6.5-11a6.5 6.5 0 0 0-13 0C5.5 15.4 12 21 12 21zM12 7.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
};

/** @param {{name: string, class?: string}} props */
export function Icon({ name, class: more = "" }) {
  return (
    <svg class={`icon ${more}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
