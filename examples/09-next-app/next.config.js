/** @type {import('next').NextConfig} */
export default {
  // What Next shows of itself while it is developed would lie upon the buttons of a narrow page.
  devIndicators: false,
  // For pages/: below app/ it is so by itself.
  reactStrictMode: true
}
