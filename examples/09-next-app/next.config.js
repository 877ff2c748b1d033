/** @type {import('next').NextConfig} */
export default {
  // For pages/: below app/ it is so by itself.
  reactStrictMode: true
}
